//! The accounts that cases run as.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The name of the ordinary user that root's suite uses.
const NAME: &str = "dwelltest";

/// An entry of `passwd(5)`.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) home: PathBuf,
}

impl Account {
    fn find(wanted: impl Fn(&Account) -> bool) -> Option<Account> {
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        passwd.lines().filter_map(Account::parse).find(|account| wanted(account))
    }

    fn parse(line: &str) -> Option<Account> {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(Account { name, uid, gid, home: PathBuf::from(fields.nth(1)?) })
    }

    /// Who runs the suite.
    pub(crate) fn own() -> Account {
        let uid = rustix::process::geteuid().as_raw();
        let gid = rustix::process::getegid().as_raw();
        Account::find(|account| account.uid == uid).unwrap_or_else(|| Account {
            name: uid.to_string(),
            uid,
            gid,
            home: PathBuf::from("/"),
        })
    }

    pub(crate) fn is_root(&self) -> bool {
        self.uid == 0
    }

    /// The ordinary user, or why there is none.
    pub(crate) fn ordinary() -> Result<Account, String> {
        let own = Account::own();
        if !own.is_root() {
            return Ok(own);
        }
        let named = || Account::find(|account| account.name == NAME);
        if named().is_none() && std::env::var_os("DWELL_SUITE_ADDUSER").is_some_and(|v| v == "1") {
            let made = Command::new("useradd").args(["-m", NAME]).stdin(Stdio::null()).output();
            match made {
                Ok(output) if output.status.success() => {}
                Ok(output) => {
                    let why = String::from_utf8_lossy(&output.stderr);
                    return Err(format!("useradd {NAME}: {}", why.trim()));
                }
                Err(error) => return Err(format!("useradd {NAME}: {error}")),
            }
        }
        named().ok_or_else(|| format!("no account {NAME} (DWELL_SUITE_ADDUSER=1 makes it)"))
    }
}
