//! `dwell gc`.

use crate::message::{self, Failure};

/// Removes what is left of worlds whose `dwell` was killed, and tells what that was.
pub(crate) fn run() -> u8 {
    let mut text = String::new();
    let mut code = 0;
    let mut gone = dwell_exec::sweep_layers();
    match dwell_cgroup::detect() {
        Ok(groups) => {
            let (removed, errors) = dwell_cgroup::sweep_all(&groups);
            gone.extend(removed);
            for error in errors {
                code = message::fail(&Failure { sentence: error.sentence, hint: error.hint });
            }
        }
        Err(error) => code = message::fail(&Failure::new(error.to_string())),
    }
    for path in gone {
        text.push_str(&message::visible(&format!("removed {}", path.display())));
        text.push('\n');
    }
    code.max(message::print(&text))
}
