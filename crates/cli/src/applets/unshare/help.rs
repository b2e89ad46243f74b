//! The help of `unshare`.

use super::super::Door;

pub(super) fn text(door: &Door) -> String {
    let more = if door.bare { "" } else { COMMAND };
    format!("Usage: {} [OPTIONS] [PROGRAM [ARG...]]\n{TEXT}{more}", door.name)
}

const TEXT: &str = "
Starts PROGRAM, or your shell, in new namespaces. Options end at the first word that is none.

New namespaces; with a FILE one stays, bound on that file, when its last process has ended:
  -m, --mount[=FILE]       mounts
  -u, --uts[=FILE]         host and domain name
  -i, --ipc[=FILE]         System V IPC, POSIX message queues
  -n, --net[=FILE]         interfaces, addresses, ports
  -p, --pid[=FILE]         process numbers, for children; see --fork
  -U, --user[=FILE]        users, groups, capabilities
  -C, --cgroup[=FILE]      the root of the control groups
  -T, --time[=FILE]        the monotonic and the boot-time clock

Who exists in a new user namespace; each of these makes one:
  -r, --map-root-user      you are root
  -c, --map-current-user   you keep your ids
      --map-user UID|NAME  you are this user
      --map-group GID|NAME you are in this group
      --map-users BLOCK    more users: INNER:OUTER:COUNT, auto (your subordinate ids, from 0 on),
                           subids (the same under their own numbers) or all; may be repeated
      --map-groups BLOCK   more groups
      --map-auto           --map-users auto --map-groups auto
      --map-subids         --map-users subids --map-groups subids
      --owner UID:GID      the namespace belongs to this user and group
      --setgroups allow|deny
                           whether setgroups(2) may be called in it
      --keep-caps          the program has all capabilities in it, whoever it is

The process:
  -f, --fork               the program is a child; it is waited for
      --kill-child[=NAME]  and gets this signal (KILL) when its parent ends
      --forward-signals    and is sent on SIGTERM and SIGINT
  -S, --setuid UID         the program's user, set last
  -G, --setgid GID         its group, without supplementary ones
      --clear-env          an empty environment
      --whitelist-env LIST nothing in it but these, separated by commas
      --monotonic SECONDS  how far the monotonic clock is ahead
      --boottime SECONDS   how far the boot-time clock is ahead

Files:
      --mount-proc[=DIR]   a new procfs at DIR (/proc); makes a mount namespace
      --mount-binfmt[=DIR] a new binfmt_misc at DIR (/proc/sys/fs/binfmt_misc); makes a user and a
                           mount namespace
  -l, --load-interp LINE   registers an interpreter there
      --propagation private|shared|slave|unchanged
                           of all mounts in the new mount namespace (private)
  -R, --root DIR           the root directory
  -w, --wd DIR             the working directory, in the new root

  -h, --help               print this help
  -V, --version            print the version

The exit code is the program's; 126 if it cannot be executed, 127 if it is not there, 1 for any other
failure. DWELL_NO_HINTS, where it is set, keeps hints from being printed.
";

const COMMAND: &str = "
As `dwell unshare`, and not under its own name, it does what was probably meant:
  --pid forks, for the new namespace is there for children alone;
      --no-fork            does not
  --pid --mount also mounts a new procfs on /proc, which shows the processes of the new namespace;
      --no-mount-proc      does not

and has two options more:
      --explain            tell what will be done, in order and why, and do it
      --plan json|text     print the plan and do nothing; `dwell run --from-plan` runs one
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
        crate::applets::assert_documented("unshare", TABLE);
        crate::applets::assert_documented("unshare", TABLE_OF_COMMAND);
    }
}
