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
use std::path::Path;
use std::time::Duration;

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

/// Has the processes `pids` put into a new scope called `unit`, and waits until they are there.
pub(crate) fn start_scope(
    socket: &Path,
    unit: &str,
    slice: Option<&str>,
    limits: &Limits,
    pids: &[i32],
) -> Result<(), Error> {
    let what = format!("start the unit {unit}");
    let uid = rustix::process::geteuid().as_raw();
    let mut bus = Bus::connect(socket, uid, PATIENCE).map_err(|e| failed(&what, socket, &e))?;
    let job = ask(&mut bus, unit, slice, limits, pids).map_err(|e| failed(&what, socket, &e))?;
    let result = bus.wait_for_job(&job).map_err(|e| failed(&what, socket, &e))?;
    if result == "done" {
        return Ok(());
    }
    Err(Error::new(format!("cannot {what}: systemd says \"{result}\""))
        .hint("`journalctl` (with --user for the user's manager) tells why"))
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
    bus.add_match(
        "type='signal',interface='org.freedesktop.systemd1.Manager',member='JobRemoved'",
    )?;
    bus.call(&MANAGER, "Subscribe", &[])?;
    let unit_properties = properties(slice, limits, pids);
    let arguments = [
        Value::Str(unit.to_owned()),
        Value::Str("fail".to_owned()),
        Value::Properties(unit_properties),
        Value::NoUnits,
    ];
    let reply = bus.call(&MANAGER, "StartTransientUnit", &arguments)?;
    reply.first_string().ok_or_else(|| Refused::Io(io::ErrorKind::InvalidData.into()))
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
