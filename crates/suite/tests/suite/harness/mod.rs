//! What runs the cases, and what they are written with.

mod account;
mod command;
mod ctx;
mod leaks;
mod locate;
mod machine;
mod outcome;
pub(crate) mod process;
mod runner;
mod terminal;

pub(crate) use command::{Got, Live, Run, sorted_lines};
pub(crate) use ctx::{Ctx, Mounted};
pub(crate) use machine::{is_tried, older_than, patience, rounds, time_is_up};
pub(crate) use outcome::{Outcome, Stop, ensure, fail, skip};
pub(crate) use runner::{Case, Group, Who, alone, cases, group, main, say};
pub(crate) use terminal::Terminal;
