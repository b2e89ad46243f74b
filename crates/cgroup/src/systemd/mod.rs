//! systemd makes the group: a transient scope around a process, with its limits as properties.
//!
//! The few messages of D-Bus that this takes are written here: a library for all of it brings an
//! asynchronous runtime, threads and some sixty packages, for one call and one signal.

mod bus;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod properties;
mod wire;

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use dwell_plan::limits::Limits;

use crate::error::{Error, reason};
use bus::{Bus, Refused};
use properties::properties;
use wire::Value;

const MANAGER: bus::Object = bus::Object {
    destination: "org.freedesktop.systemd1",
    path: "/org/freedesktop/systemd1",
    interface: "org.freedesktop.systemd1.Manager",
};

/// A manager may be busy with starting the machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// To have stopped what others have left is not worth more.
const PATIENCE_TO_STOP: Duration = Duration::from_secs(5);
/// What is not gone by then is left to a later start.
const PATIENCE_TO_END: Duration = Duration::from_secs(2);

/// Has the processes `pids` put into a new scope called `unit`, and waits until they are there.
pub(crate) fn start_scope(
    socket: &Path,
    unit: &str,
    slice: Option<&str>,
    limits: &Limits,
    pids: &[i32],
) -> Result<(), Error> {
    let what = format!("start the unit {unit}");
    let failed = |refused| failed(&what, socket, &refused);
    let mut bus = connect(socket, PATIENCE).map_err(failed)?;
    let job = ask(&mut bus, unit, slice, limits, pids).map_err(failed)?;
    let ended = bus.wait_for_job(&job).map_err(failed).and_then(|result| match &*result {
        "done" => Ok(()),
        _ => Err(Error::new(format!("cannot {what}: systemd says \"{result}\""))
            .hint("`journalctl` (with --user for the user's manager) tells why")),
    });
    // It may be there, or come yet.
    ended.inspect_err(|_| stop(socket, &[unit]))
}

/// Waits until systemd has removed the groups of scopes in which nobody is any more.
///
/// systemd learns of that from an event. The kernel holds it back for up to 10 ms after the one before, and drops it
/// with the group: when somebody else removes that, the unit runs for ever.
pub(crate) fn wait_for_removal(dirs: &[PathBuf]) {
    let end = Instant::now() + PATIENCE_TO_END;
    let mut pause = Duration::from_micros(100);
    while dirs.iter().any(|dir| dir.exists()) && Instant::now() < end {
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(2));
    }
}

/// Has units stopped in which nobody is: what systemd does not know, or not any more, is as well.
///
/// KERNEL: a process that has ended and is not waited for can be put into a group, but does not count there.
/// Where it is the only one there is no event, and systemd takes the unit to be running for ever.
pub(crate) fn stop(socket: &Path, units: &[&str]) {
    // Who cannot be asked has nothing to be told.
    let _ = connect(socket, PATIENCE_TO_STOP).and_then(|bus| ask_to_stop(bus, units));
}

fn ask_to_stop(mut bus: Bus, units: &[&str]) -> Result<(), Refused> {
    let mut stop = |unit: &&str| {
        let arguments = [Value::Str((*unit).to_owned()), Value::Str("replace".to_owned())];
        bus.post(&MANAGER, "StopUnit", &arguments)
    };
    let calls: Vec<u32> = units.iter().map(&mut stop).collect();
    for call in calls {
        match bus.answer(call) {
            Ok(_) | Err(Refused::Reply { .. }) => {}
            Err(refused) => return Err(refused),
        }
    }
    Ok(())
}

fn connect(socket: &Path, patience: Duration) -> Result<Bus, Refused> {
    Bus::connect(socket, rustix::process::geteuid().as_raw(), patience)
}

/// Returns the job.
fn ask(
    bus: &mut Bus,
    unit: &str,
    slice: Option<&str>,
    limits: &Limits,
    pids: &[i32],
) -> Result<String, Refused> {
    // The end of the job is told to those alone who have asked for it before.
    let told = bus.add_match(
        "type='signal',interface='org.freedesktop.systemd1.Manager',member='JobRemoved'",
    );
    let subscribed = bus.post(&MANAGER, "Subscribe", &[]);
    let unit_properties = properties(slice, limits, pids);
    let arguments = [
        Value::Str(unit.to_owned()),
        Value::Str("fail".to_owned()),
        Value::Properties(unit_properties),
        Value::NoUnits,
    ];
    let started = bus.post(&MANAGER, "StartTransientUnit", &arguments);
    let [told, subscribed, started] = [told, subscribed, started].map(|call| bus.answer(call));
    told.and(subscribed)
        .and(started)?
        .first_string()
        .ok_or_else(|| Refused::Io(io::ErrorKind::InvalidData.into()))
}

fn failed(what: &str, socket: &Path, refused: &Refused) -> Error {
    match refused {
        Refused::Io(error) if error.kind() == io::ErrorKind::WouldBlock => Error::new(format!(
            "cannot {what}: systemd has not answered within {} s ({})",
            PATIENCE.as_secs(),
            socket.display()
        )),
        Refused::Io(error) => Error::of_call(what, "talking to", socket, error),
        Refused::Errno(text) => Error::new(format!("cannot {what}: {text}")),
        Refused::Reply { name, message } => {
            let error = Error::new(format!("cannot {what}: {message} ({name})"));
            match name.as_str() {
                "org.freedesktop.DBus.Error.AccessDenied"
                | "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired" => error.hint(
                    "run as root, or as a user whose own manager runs (`loginctl enable-linger`)",
                ),
                _ => error,
            }
        }
    }
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut => Refused::Io(io::ErrorKind::WouldBlock.into()),
            io::ErrorKind::UnexpectedEof => Refused::Errno(format!("{} (the bus)", reason(&error))),
            _ => Refused::Io(error),
        }
    }
}

#[cfg(test)]
mod tests;
