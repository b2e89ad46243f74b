//! Inventories that are written down, and one of this machine.

use dwell_plan::{NamespaceKind, Text};

use super::descriptors::{Held, Link};
use super::model::{Holder, Inventory, Namespace, NetnsId, Process, Via};
use super::netnsid::{parse_answer, request};
use super::process::{parse_link, parse_stat};
use super::scan::{Scan, Wanted, bound, hides_processes, read};
use super::worlds::Worlds;
use crate::bytes::noise;

#[test]
fn stat_lines() {
    let rest = "S 7 10 10 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 123456 8192 1 18446744073709551615";
    let process = parse_stat(format!("10 (a) b (c) {rest}").as_bytes()).unwrap();
    assert!(process.name == *"a) b (c");
    assert_eq!((process.pid, process.parent, process.state), (10, 7, b'S'));
    assert_eq!(process.started, 123_456);
    for bad in ["", "10", "10 (a", "10 a) S 1", "x (a) S 1", "10 (a)", "10 (a) S", ") 10 ("] {
        assert_eq!(parse_stat(bad.as_bytes()), None, "{bad}");
    }
}

#[test]
fn links() {
    assert_eq!(parse_link(b"net:[4026531840]"), Some((NamespaceKind::Net, 4_026_531_840)));
    assert_eq!(parse_link(b"mnt:[1]"), Some((NamespaceKind::Mount, 1)));
    for bad in ["net:[]", "net:[1", "net:1", "foo:[1]", "net:[1]x", "", "/net:[1]"] {
        assert_eq!(parse_link(bad.as_bytes()), None, "{bad}");
    }
    assert_eq!(Link::parse(b"socket:[77]"), Some(Link::Socket(77)));
    assert_eq!(Link::parse(b"uts:[5]"), Some(Link::Namespace(NamespaceKind::Uts, 5)));
    assert_eq!(Link::parse(b"pipe:[77]"), None);
    assert_eq!(Link::parse(b"/tmp/socket:[77]"), None);
}

#[test]
fn mounted_namespaces() {
    let text = b"27 1 254:0 / / rw - ext4 /dev/vda rw
30 27 0:4 net:[4026532200] /run/netns/a\\040b rw shared:3 - nsfs nsfs rw
31 27 0:4 net:[4026532200] /run/netns/c rw - nsfs nsfs rw
32 27 0:4 net:[4026532200] /run/netns/c rw - nsfs nsfs rw
33 27 0:4 uts:[7] /x rw - nsfs nsfs rw
34 27 0:4 /nsfs /y rw - ext4 nsfs rw
35 27 0:4 bad:[8] /z rw - nsfs nsfs rw
";
    let all: Vec<_> = bound(text).into_iter().collect();
    let text = |t: &str| Text::from(t);
    assert_eq!(
        all,
        [
            (7, vec![text("/x")]),
            (4_026_532_200, vec![text("/run/netns/a b"), text("/run/netns/c")])
        ]
    );
}

#[test]
fn hidden_processes() {
    let with = |options: &str| {
        let text =
            format!("1 0 0:5 / /proc rw - proc proc rw{options}\n2 0 0:6 / /x rw - proc p rw");
        hides_processes(text.as_bytes())
    };
    assert!(with(",hidepid=2") && with(",gid=5,hidepid=invisible") && with(",hidepid=1"));
    assert!(!with("") && !with(",hidepid=0") && !with(",hidepid=off"));
}

#[test]
fn namespace_ids_of_the_network() {
    assert_eq!(request(7).len(), 28);
    let answer = |id: i32| {
        let mut text = request(0);
        text[4..6].copy_from_slice(&88u16.to_ne_bytes());
        text[22..24].copy_from_slice(&1u16.to_ne_bytes());
        text[24..].copy_from_slice(&id.to_ne_bytes());
        text
    };
    assert_eq!(parse_answer(&answer(3)), NetnsId::Id(3));
    assert_eq!(parse_answer(&answer(-1)), NetnsId::Unassigned);
    assert_eq!(parse_answer(&request(0)), NetnsId::Unknown);
    for end in 0..28 {
        assert_eq!(parse_answer(&answer(3)[..end]), NetnsId::Unknown);
    }
    for seed in 0..2000 {
        let _ = parse_answer(&noise(seed, &[0, 1, 4, 8, 16, 88, 255]));
    }
}

/// Processes `(pid, parent, namespaces)`: a digit for each of user, mount, pid, net, uts, ipc, cgroup
/// and time. `parents` are `(namespace, parent)`.
fn inventory(processes: &[(i32, i32, &str)], parents: &[(u64, u64)]) -> Inventory {
    let mut all = Inventory::default();
    for (pid, parent, digits) in processes {
        let mut process = Process { pid: *pid, parent: *parent, state: b'S', ..Process::default() };
        process.started = u64::try_from(*pid).unwrap();
        for (at, digit) in digits.chars().enumerate() {
            let digit = u64::from(digit.to_digit(10).unwrap());
            process.namespaces[at] =
                if digit == 0 { 0 } else { u64::try_from(at + 1).unwrap() * 10 + digit };
        }
        all.add_process(process);
    }
    for (id, parent) in parents {
        let kind = NamespaceKind::ALL[usize::try_from(id / 10).unwrap() - 1];
        all.namespaces.entry(*id).or_insert_with(|| Namespace::new(*id, kind)).parent =
            Some(*parent);
    }
    all
}

/// What two threads have read is what one would have.
#[test]
fn two_halves() {
    let list = [(1, 0, "11111111"), (2, 1, "11112111"), (4, 1, "11111111"), (7, 2, "11112311")];
    let all = inventory(&list, &[(52, 11)]);
    let mut one = inventory(&[list[1], list[2]], &[]);
    one.merge(inventory(&[list[0], list[3]], &[(52, 11)]));
    assert_eq!(one, all);
    assert_eq!(one.namespaces[&52].members, [1, 3]);
    one.merge(Inventory::default());
    assert_eq!(one, all);
}

#[test]
fn what_descriptors_keep() {
    let held = |pid, socket, is_own| {
        let holder = Holder { pid, fd: 3, via: Via::Socket };
        Held { namespace: 42, holder, socket, is_own }
    };
    let holders = |list: Vec<Held>| {
        let mut scan = Scan::new(Wanted::ALL);
        scan.inventory = inventory(&[(1, 0, "11121111")], &[]);
        scan.held = list;
        scan.keep();
        let holders = &scan.inventory.namespaces[&42].holders;
        holders.iter().map(|holder| holder.pid).collect::<Vec<_>>()
    };
    assert_eq!(holders(vec![held(7, None, false), held(5, None, false)]), [5, 7]);
    assert_eq!(holders(vec![held(7, Some(1), false), held(5, Some(1), false)]), [5]);
    assert_eq!(holders(vec![held(7, Some(1), false), held(5, Some(2), false)]), [5, 7]);
    // The first to have the socket is in that namespace: nobody else keeps it by this one.
    assert!(holders(vec![held(7, Some(1), false), held(5, Some(1), true)]).is_empty());
    assert!(holders(vec![]).is_empty());
}

fn shown(all: &Inventory) -> Vec<String> {
    let worlds = Worlds::of(all, 1);
    let show = |w: &super::worlds::World| {
        let pids: Vec<_> = w.processes.iter().map(|p| all.processes[*p].pid.to_string()).collect();
        let outer = w.inside.map(|o| all.processes[worlds.list[o].first].pid.to_string());
        format!("{} {:?} in {}", pids.join(","), w.walls, outer.as_deref().unwrap_or("machine"))
    };
    worlds.list.iter().map(show).collect()
}

#[test]
fn worlds() {
    let machine = [(1, 0, "11111111"), (2, 0, "11111111")];
    // An engine's process 1 in one user namespace, its program in one below.
    let mut list = machine.to_vec();
    list.extend([(5, 2, "22222221"), (6, 5, "32222221"), (8, 1, "12111111")]);
    let all = inventory(&list, &[(12, 11), (13, 12), (32, 31)]);
    assert_eq!(
        shown(&all),
        ["5,6 user,mount,pid,net,uts,ipc,cgroup in machine", "8 mount in machine"]
    );
    // One inside the other, the inner one's first process adopted by the machine's.
    list.extend([(9, 1, "43322221")]);
    let all = inventory(&list, &[(12, 11), (13, 12), (14, 13), (32, 31), (33, 32)]);
    assert_eq!(shown(&all)[2], "9 user,mount,pid in 5");
}

#[test]
fn what_is_no_world() {
    assert!(shown(&inventory(&[], &[])).is_empty());
    assert!(shown(&inventory(&[(1, 0, "11111111"), (2, 1, "11111111")], &[])).is_empty());
    // Not to be read, and one that ends.
    assert!(shown(&inventory(&[(1, 0, "11111111"), (2, 1, "00000000")], &[])).is_empty());
    assert!(shown(&inventory(&[(1, 0, "11111111"), (2, 1, "10100000")], &[])).is_empty());
}

/// An ordinary user cannot look at the machine's first process.
#[test]
fn the_reader_stands_for_the_machine() {
    let mut list = vec![(1, 0, "00000000"), (9, 1, "21211111"), (10, 1, "11111111")];
    let worlds = |list: &[_]| {
        let all = inventory(list, &[]);
        Worlds::of(&all, 10).list.iter().map(|w| all.processes[w.first].pid).collect::<Vec<_>>()
    };
    assert_eq!(worlds(&list), [9]);
    list.push((11, 9, "21211111"));
    assert_eq!(worlds(&list), [9]);
}

#[test]
fn relations_in_a_circle_end() {
    let list = [(1, 0, "11111111"), (5, 1, "12211111"), (6, 1, "12311111")];
    let all = inventory(&list, &[(32, 33), (33, 32)]);
    assert_eq!(shown(&all).len(), 2);
}

#[test]
fn this_machine() {
    let all = read(&Wanted::ALL).unwrap();
    let me = i32::try_from(std::process::id()).unwrap();
    let own = all.process(me).unwrap();
    for (kind, id) in NamespaceKind::ALL.into_iter().zip(own.namespaces) {
        let link = std::fs::read_link(format!("/proc/self/ns/{}", kind.proc_name()));
        let Ok(link) = link else { continue };
        assert_eq!(parse_link(link.as_os_str().as_encoded_bytes()), Some((kind, id)));
        let namespace = all.namespace(id).unwrap();
        assert_eq!(namespace.kind, kind);
        assert!(all.members(namespace).any(|p| p.pid == me));
    }
    assert!(all.processes.is_sorted_by_key(|p| p.pid));
    let _ = Worlds::of(&all, me);
}

#[test]
fn only_what_is_wanted() {
    let kinds = [NamespaceKind::Uts].into_iter().collect();
    let wanted = Wanted { kinds, listed: false, ..Wanted::ALL };
    let all = read(&wanted).unwrap();
    assert!(all.namespaces.values().all(|n| n.kind == NamespaceKind::Uts));
    assert!(!all.namespaces.is_empty());
}
