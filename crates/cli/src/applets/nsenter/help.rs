//! The help of `nsenter`.

use super::super::Door;

pub(super) fn text(door: &Door) -> String {
    let more = if door.bare { "" } else { COMMAND };
    format!("Usage: {} [OPTIONS] [PROGRAM [ARG...]]\n{TEXT}{more}", door.name)
}

const COMMAND: &str = "
As `dwell nsenter`, and not under its own name, it has two options more:
      --explain             tell what will be done, in order and why, and do it
      --plan json|text      print the plan and do nothing; `dwell run --from-plan` runs one
";

const TEXT: &str = "
Starts PROGRAM, or your shell, in namespaces that exist. Options end at the first word that is none.

  -t, --target PID[:INODE]  the process whose namespaces are meant; with INODE, that of its pidfd, no
                            other process that got its number later
  -a, --all                 all of them

Single namespaces: the target's, or the one bound on FILE, or after a colon that of a number (Linux
6.19; a FILE of such a name is ./:NAME). The value is attached: -n/run/netns/x, --net=/run/netns/x.
  -m, --mount[=FILE|:ID]    mounts
  -u, --uts[=FILE|:ID]      host and domain name
  -i, --ipc[=FILE|:ID]      System V IPC, POSIX message queues
  -n, --net[=FILE|:ID]      interfaces, addresses, ports
  -N, --net-socket FD       those of the socket that the target has open as FD
  -p, --pid[=FILE|:ID]      process numbers; the program is a child then, unless --no-fork
  -U, --user[=FILE|:ID]     users, groups, capabilities
      --user-parent         the user namespace above that
  -C, --cgroup[=FILE|:ID]   the root of the control groups
  -T, --time[=FILE|:ID]     the monotonic and the boot-time clock

The process:
  -S, --setuid UID|follow   its user; in a user namespace 0, else unchanged; follow: the target's
  -G, --setgid GID|follow   its group, without supplementary ones
      --preserve-credentials
                            user and groups stay as they are
      --keep-caps           the program has all capabilities in the user namespace
  -r, --root[=DIR]          the root directory: the target's, or DIR as it is outside
  -w, --wd[=DIR]            the working directory: the target's, or DIR as it is outside
  -W, --wdns[=DIR]          the working directory, as it is inside
  -e, --env                 the target's environment
  -F, --no-fork             the program takes the place of this process
  -c, --join-cgroup         the target's control group (cgroup v2)
  -Z, --follow-context      the target's SELinux context, where SELinux is in use

  -h, --help                print this help
  -V, --version             print the version

The exit code is the program's; 126 if it cannot be executed, 127 if it is not there, 1 for any other
failure. DWELL_NO_HINTS, where it is set, keeps hints from being printed.
";

#[cfg(test)]
mod tests {
    use super::super::options::{TABLE, TABLE_OF_COMMAND};
    use super::*;

    #[test]
    fn every_option_is_in_it() {
        crate::applets::assert_explained(TEXT, TABLE);
        crate::applets::assert_explained(COMMAND, TABLE_OF_COMMAND);
    }

    #[test]
    fn every_option_is_in_the_document() {
        crate::applets::assert_documented("nsenter", TABLE);
        crate::applets::assert_documented("nsenter", TABLE_OF_COMMAND);
    }
}
