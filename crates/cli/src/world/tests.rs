//! What each option does to the Plan, and what each contradiction is called.

use dwell_plan::idmap::{IdMap, IdRange};
use dwell_plan::plan::{
    CapabilityChange, Clock, ClockOffset, GrantKind, Mapping, Origin, Plan, Pty, Rlimit,
    RootSource, User,
};
use dwell_plan::{NamespaceKind, NamespaceSet, Text};

use crate::testing::{Fake, UID, user};

fn plan(line: &str) -> Plan {
    Fake::default().plan(line)
}

fn own(line: &str) -> NamespaceSet {
    plan(line).namespaces.own
}

fn set(list: &str) -> NamespaceSet {
    NamespaceSet::parse_list(list).unwrap()
}

/// Grants as `how dest [source]`.
fn grants(plan: &Plan) -> Vec<String> {
    let one = |g: &dwell_plan::plan::Grant| {
        let how = match &g.what {
            GrantKind::ReadOnly { .. } => "ro",
            GrantKind::ReadWrite { .. } => "rw",
            GrantKind::CopyOnWrite { .. } => "cow",
            GrantKind::Hide => "hide",
            GrantKind::Tmpfs { .. } => "tmpfs",
            GrantKind::Device { .. } => "dev",
            GrantKind::Socket { .. } => "socket",
        };
        let source = g.what.source().map(|s| format!(" {s}")).unwrap_or_default();
        format!("{how} {}{source}", g.dest)
    };
    plan.grants.iter().map(one).collect()
}

fn workdir(plan: &Plan) -> (String, bool) {
    plan.command.workdir.as_ref().map(|w| (w.path.to_string(), w.required)).unwrap()
}

fn env(plan: &Plan, name: &str) -> Option<String> {
    plan.command.env.iter().find(|v| v.name == *name).map(|v| v.value.to_string())
}

fn argv(plan: &Plan) -> Vec<String> {
    plan.command.argv.iter().map(ToString::to_string).collect()
}

const CWD: &str = "cow /home/u/src /home/u/src";

#[test]
fn a_plain_run() {
    let plan = plan("make -j 2");
    assert_eq!(argv(&plan), ["make", "-j", "2"]);
    assert_eq!(plan.namespaces.own, NamespaceSet::DEFAULT);
    assert_eq!(plan.root, RootSource::Host { home: false });
    assert_eq!(plan.identity.user, User::Caller);
    assert_eq!(plan.hostname, Some(Text::from("dwell")));
    assert_eq!(grants(&plan), [CWD]);
    assert_eq!(plan.grants[0].origin, Origin::rule("the current directory"));
    assert_eq!(workdir(&plan), ("/home/u/src".to_owned(), false));
    assert!(plan.clocks.is_empty() && !plan.read_only && plan.scratch.is_none());
}

#[test]
fn without_a_program_a_shell() {
    assert_eq!(argv(&plan("")), ["/bin/zsh"]);
    assert_eq!(argv(&Fake::default().var("SHELL", "/bin/gone").plan("")), ["/bin/bash"]);
    assert_eq!(argv(&Fake::default().var("SHELL", "zsh").plan("")), ["/bin/bash"]);
    assert_eq!(argv(&Fake::default().without_var("SHELL").plan("")), ["/bin/bash"]);
    let fake = Fake { users: vec![], ..Fake::default() }.without_var("SHELL");
    assert_eq!(argv(&fake.plan("")), ["/bin/sh"]);
    assert_eq!(argv(&plan("--from /srv/root")), ["/bin/ash"]);
    assert_eq!(argv(&plan("--from /srv/root -u app")), ["/bin/sh"]);
    let (sentence, _) = refuse(&["run", ""]);
    assert_eq!(sentence, "the program's name is empty");
}

fn refuse(words: &[&str]) -> (String, String) {
    let words = words.iter().map(std::ffi::OsString::from).collect();
    let failure = Fake::default().words(words).unwrap_err();
    (failure.sentence, failure.hint.unwrap_or_default())
}

#[test]
fn each_kind_of_grant() {
    let plan = plan(
        "--rw /a --ro b:/c --cow ~/d:~/e --hide ~/f --tmpfs /g:64K --tmpfs /h --dev /dev/kvm \
         --socket ../s.sock --ro ./x/../y -- true",
    );
    assert_eq!(
        grants(&plan),
        [
            "rw /a /a",
            "ro /c /home/u/src/b",
            "cow /home/u/e /home/u/d",
            "hide /home/u/f",
            "tmpfs /g",
            "tmpfs /h",
            "dev /dev/kvm /dev/kvm",
            "socket /home/u/s.sock /home/u/s.sock",
            // Only the kernel knows what is above a link.
            "ro /home/u/src/y /home/u/src/./x/../y",
            CWD,
        ]
    );
    assert_eq!(plan.grants[1].origin, Origin::Option("--ro b:/c".to_owned()));
    assert_eq!(plan.grants[4].what, GrantKind::Tmpfs { size: Some(65536) });
    assert_eq!(plan.grants[5].what, GrantKind::Tmpfs { size: None });
    let colon = Fake::default().plan(r"--ro=/a\:b --ro /c\:d:/e x");
    assert_eq!(grants(&colon), ["ro /a:b /a:b", "ro /e /c:d", CWD]);
    assert_eq!(colon.grants[0].origin, Origin::Option(r"--ro=/a\:b".to_owned()));
}

#[test]
fn the_current_directory_gives_way() {
    for (line, want) in [
        ("--rw . x", vec!["rw /home/u/src /home/u/src"]),
        ("--ro /home/u/src/ x", vec!["ro /home/u/src /home/u/src"]),
        // A default is no exception from what was asked for above it …
        ("--rw ~ x", vec!["rw /home/u /home/u"]),
        ("--hide ~ x", vec!["hide /home/u"]),
        // … but for the emptiness of the home directory, which is more specific.
        ("--ro / x", vec!["ro / /", CWD]),
        ("--home --ro / x", vec!["ro / /"]),
        ("--ro /home/u/s x", vec!["ro /home/u/s /home/u/s", CWD]),
        ("--rw target x", vec!["rw /home/u/src/target /home/u/src/target", CWD]),
        ("-w /tmp x", vec![CWD]),
        ("--home x", vec![CWD]),
    ] {
        assert_eq!(grants(&plan(line)), want, "{line}");
    }
}

#[test]
fn at_home_and_above_it_the_program_starts_in_an_empty_home() {
    for cwd in ["/home/u", "/home", "/"] {
        let plan = Fake::at(cwd).plan("x");
        assert_eq!(workdir(&plan), ("/home/u".to_owned(), false), "{cwd}");
        assert!(plan.grants.is_empty(), "{cwd}");
        let plan = Fake::at(cwd).plan("--home x");
        assert_eq!(workdir(&plan), (cwd.to_owned(), false), "{cwd}");
        assert!(plan.grants.is_empty(), "{cwd}");
    }
    let linked = Fake { links: vec![("/home/u", "/data/u")], ..Fake::at("/data/u") };
    assert!(linked.plan("x").grants.is_empty());
    let below = Fake { links: vec![("/home/u", "/data/u")], ..Fake::at("/data/u/src") };
    assert_eq!(grants(&below.plan("x")), ["cow /data/u/src /data/u/src"]);
}

#[test]
fn elsewhere_the_current_directory_stays() {
    for cwd in ["/srv/x", "/home/user2", "/tmp"] {
        let plan = Fake::at(cwd).plan("x");
        assert_eq!(workdir(&plan).0, cwd);
        assert_eq!(grants(&plan), [format!("cow {cwd} {cwd}")]);
    }
    for cwd in ["/proc", "/proc/1/root", "/sys/fs", "/dev/shm"] {
        let plan = Fake::at(cwd).plan("x");
        assert!(plan.grants.is_empty(), "{cwd} of the machine must not come in");
        assert_eq!(workdir(&plan), (cwd.to_owned(), false));
    }
}

#[test]
fn a_lost_current_directory() {
    let lost = Fake { cwd: None, ..Fake::default() };
    let plan = lost.plan("--ro /a x");
    assert_eq!(grants(&plan), ["ro /a /a"]);
    assert_eq!(workdir(&plan), ("/home/u".to_owned(), false));
    let (sentence, hint) = lost.refusal("--ro a x");
    assert_eq!(sentence, "cannot use `--ro a`: the current directory cannot be found (getcwd)");
    assert_eq!(hint, "give an absolute path");
}

#[test]
fn working_directories() {
    assert_eq!(workdir(&plan("-w /x/../y x")), ("/y".to_owned(), true));
    assert_eq!(workdir(&plan("--workdir sub x")), ("/home/u/src/sub".to_owned(), true));
    assert_eq!(workdir(&plan("-w ~ x")), ("/home/u".to_owned(), true));
    assert_eq!(workdir(&plan("--from /srv/root x")), ("/root".to_owned(), false));
    assert_eq!(workdir(&plan("--from /srv/root -u app x")), ("/app".to_owned(), false));
    assert_eq!(workdir(&plan("--from /srv/root -u 77 x")), ("/".to_owned(), false));
    assert_eq!(workdir(&plan("--from /srv/root -w ~/x x")), ("/root/x".to_owned(), true));
    let shared = Fake::at("/home/u").plan("--share mount x");
    assert_eq!(workdir(&shared), ("/home/u".to_owned(), false));
}

#[test]
fn roots() {
    let directory = |path: &str, writable, words: &str| RootSource::Directory {
        path: Text::from(path),
        writable,
        origin: Origin::Option(words.to_owned()),
    };
    assert_eq!(plan("--from host x").root, RootSource::Host { home: false });
    assert_eq!(plan("--home x").root, RootSource::Host { home: true });
    let from = plan("--from /srv/root --ro ~/d --ro ~/a:~/b --rw .:/src x");
    assert_eq!(from.root, directory("/srv/root", false, "--from /srv/root"));
    assert_eq!(from.identity.user, User::Root);
    let want = ["ro /home/u/d /home/u/d", "ro /root/b /home/u/a", "rw /src /home/u/src"];
    assert_eq!(grants(&from), want);
    let writable = Fake::at("/srv").plan("--from root --writable x");
    assert_eq!(writable.root, directory("/srv/root", true, "--from root"));

    let fake = Fake::default();
    let hint = "it takes `host` or a directory that holds a root filesystem";
    for (line, sentence, hint) in [
        ("--from /nope x", "cannot use `--from /nope`: No such file or directory", hint),
        ("--from /srv/file x", "cannot use `--from /srv/file`: Not a directory", hint),
        (
            "--writable x",
            "`--writable` needs `--from DIR`: the machine's own files are changed with `--rw`",
            "",
        ),
        (
            "--writable --from host x",
            "`--writable` needs `--from DIR`: the machine's own files are changed with `--rw`",
            "",
        ),
        (
            "--from /srv/root --home x",
            "`--home` and `--from /srv/root` exclude each other: there is no home of yours in it",
            "",
        ),
        (
            "--from /srv/root --writable --read-only x",
            "`--writable` and `--read-only` exclude each other: one lets changes into the \
             directory, the other lets none happen",
            "",
        ),
    ] {
        assert_eq!(fake.refusal(line), (sentence.to_owned(), hint.to_owned()), "{line}");
    }
}

#[test]
fn read_only_and_scratch() {
    assert!(plan("--read-only x").read_only);
    assert_eq!(plan("--scratch 1.5G x").scratch, Some(3 << 29));
}

#[test]
fn without_an_own_mount_namespace_files_are_the_machines() {
    let plan = plan("--unshare pid x");
    assert!(plan.grants.is_empty());
    assert_eq!(workdir(&plan).0, "/home/u/src");
    let fake = Fake::default();
    for words in [
        "--ro /x",
        "--rw=/x",
        "--cow /x",
        "--hide /x",
        "--tmpfs /x",
        "--dev /x",
        "--socket /x",
        "--from /srv/root",
        "--read-only",
        "--home",
        "--scratch 1G",
    ] {
        let want = format!(
            "`{words}` needs the mount namespace: without it nothing about files can change"
        );
        for (others, hint) in [
            ("--unshare pid", "add `--unshare mount`"),
            ("--share mount", "`--share mount` takes it away"),
            ("--share pid --share all", "`--share all` takes it away"),
            ("--join mount=5", "`--join mount=5` enters one that is not the world's own"),
        ] {
            let got = fake.refusal(&format!("{others} {words} x"));
            assert_eq!(got, (want.clone(), hint.to_owned()));
        }
    }
    assert!(fake.plan("--from host --unshare pid x").grants.is_empty());
}

#[test]
fn sets_of_namespaces() {
    for (line, want) in [
        ("--unshare none --unshare pid", "pid"),
        ("--unshare pid,mount --unshare net", "pid,mount,net"),
        ("--unshare none", "none"),
        ("--unshare all", "all"),
        ("--unshare all --share time,net", "pid,mount,uts,ipc,user,cgroup"),
        ("--share net", "pid,mount,uts,ipc,user,cgroup"),
        ("--share all", "none"),
        ("--unshare pid --share pid", "none"),
        ("--net host", "pid,mount,uts,ipc,user,cgroup"),
        ("--net=none", "pid,mount,net,uts,ipc,user,cgroup"),
        ("--unshare all --net host", "pid,mount,uts,ipc,user,cgroup,time"),
        ("--unshare pid --net none", "pid,net"),
        ("--share all --net none", "net"),
        ("--join net=1", "pid,mount,uts,ipc,user,cgroup"),
        ("--unshare all --join net=1 --join user=1", "pid,mount,uts,ipc,cgroup,time"),
        ("--time-offset boot=1", "all"),
        ("--unshare time,user --time-offset boot=1", "time,user"),
    ] {
        assert_eq!(own(&format!("{line} x")), set(want), "{line}");
    }
    // Every subset can be asked for, and is what it says.
    for bits in 0..=255u8 {
        let set = NamespaceSet::from_bits(bits);
        let words: Vec<_> = set.iter().map(NamespaceKind::word).collect();
        let got = own(&format!("--unshare none,{} x", words.join(",")));
        assert_eq!(got, set, "{words:?}");
    }
}

#[test]
fn joins() {
    let plan = plan("--join mnt=42 --join net=/run/netns/a --join=uts=x x");
    let got: Vec<_> = plan.namespaces.join.iter().map(|j| (j.kind, j.path.to_string())).collect();
    assert_eq!(
        got,
        [
            (NamespaceKind::Mount, "/proc/42/ns/mnt".to_owned()),
            (NamespaceKind::Net, "/run/netns/a".to_owned()),
            (NamespaceKind::Uts, "/home/u/src/x".to_owned()),
        ]
    );
    assert_eq!(plan.namespaces.join[2].origin, Origin::Option("--join=uts=x".to_owned()));
    assert_eq!(plan.hostname, None);
}

#[test]
fn contradictory_namespaces() {
    let fake = Fake::default();
    let exclude =
        |a: &str, b: &str, why: &str| format!("`{a}` and `{b}` exclude each other: {why}");
    let net = "there is one network";
    let in_net = "a program is in one net namespace";
    for (line, sentence) in [
        ("--net host --unshare net,pid", exclude("--net host", "--unshare net,pid", net)),
        ("--net none --share net", exclude("--net none", "--share net", net)),
        ("--net none --join net=1", exclude("--net none", "--join net=1", in_net)),
        ("--net host --join net=1", exclude("--net host", "--join net=1", in_net)),
        ("--unshare net --join net=1", exclude("--unshare net", "--join net=1", in_net)),
        ("--share net --join net=1", exclude("--share net", "--join net=1", in_net)),
        ("--join net=1 --join net=2", exclude("--join net=1", "--join net=2", in_net)),
    ] {
        assert_eq!(fake.refusal(&format!("{line} x")).0, sentence, "{line}");
    }
    for (line, kind, why, hint) in [
        ("--time-offset boot=1 --unshare pid", "time", "every clock is the machine's", "add"),
        ("--time-offset boot=1 --share time", "time", "every clock is the machine's", "`--share"),
        ("--time-offset boot=1 --join time=1", "time", "every clock is the machine's", "`--join"),
        ("--hostname b --unshare pid", "uts", "the name would be the machine's", "add"),
        ("--hostname b --join uts=1", "uts", "the name would be the machine's", "`--join uts=1`"),
        (
            "--as-pid-1 --share pid",
            "pid",
            "the program is one process among the machine's",
            "`--share pid` takes",
        ),
        ("--map-users auto --share user", "user", "ids are the machine's", "`--share user` takes"),
        (
            "--map-groups 0:0:1 --unshare pid",
            "user",
            "ids are the machine's",
            "add `--unshare user`",
        ),
    ] {
        let words = line.split(" --").next().unwrap_or_default();
        let got = fake.refusal(&format!("{line} x"));
        let want = format!("`{words}` needs the {kind} namespace: without it {why}");
        assert_eq!(got.0, want, "{line}");
        assert!(got.1.starts_with(hint), "{line}: {}", got.1);
    }
}

#[test]
fn names_and_clocks() {
    assert_eq!(plan("--hostname box x").hostname, Some(Text::from("box")));
    assert_eq!(plan("--share uts x").hostname, None);
    assert_eq!(
        plan("--time-offset boot=-60 --time-offset monotonic=5 x").clocks,
        [
            ClockOffset { clock: Clock::Boottime, seconds: -60 },
            ClockOffset { clock: Clock::Monotonic, seconds: 5 }
        ]
    );
}

#[test]
fn users() {
    let ids = |uid, gid| User::Ids { uid, gid };
    for (line, user, name, home) in [
        ("", User::Caller, Some("u"), "/home/u"),
        ("-r", User::Root, Some("root"), "/home/u"),
        ("-u bob", ids(1001, 100), Some("bob"), "/home/bob"),
        ("-u 1001", ids(1001, 100), Some("bob"), "/home/bob"),
        ("--user=1001:7", ids(1001, 7), Some("bob"), "/home/bob"),
        ("-u 4242", ids(4242, 4242), None, "/home/u"),
        ("--from /srv/root", User::Root, Some("root"), "/root"),
        ("--from /srv/root -r", User::Root, Some("root"), "/root"),
        ("--from /srv/root -u app", ids(10, 20), Some("app"), "/app"),
        ("--from /srv/root -u 1001", ids(1001, 1001), None, "/"),
    ] {
        let plan = plan(&format!("{line} x"));
        assert_eq!(plan.identity.user, user, "{line}");
        assert_eq!(env(&plan, "USER").as_deref(), name, "{line}");
        assert_eq!(env(&plan, "LOGNAME").as_deref(), name, "{line}");
        assert_eq!(env(&plan, "HOME").as_deref(), Some(home), "{line}");
    }
    let mut bare = Fake::default();
    bare.users.retain(|(tree, _)| *tree == "/");
    assert_eq!(env(&bare.plan("--from /srv/root x"), "HOME").as_deref(), Some("/root"));
    bare.users.push(("/srv/root", user("toor", 0, 0, "", "")));
    let plan = bare.plan("--from /srv/root x");
    assert_eq!(env(&plan, "HOME").as_deref(), Some("/root"));
    assert_eq!(env(&plan, "USER").as_deref(), Some("toor"));

    let fake = Fake::default();
    for (line, sentence) in [
        ("-u app x", "cannot use `-u app`: there is no user 'app' in /etc/passwd"),
        (
            "--user bob --from /srv/root x",
            "cannot use `--user bob`: there is no user 'bob' in /srv/root/etc/passwd",
        ),
        ("-r -u 0 x", "`-r` and `-u 0` exclude each other: a program has one user"),
    ] {
        assert_eq!(fake.refusal(line).0, sentence);
    }
}

#[test]
fn maps_and_capabilities() {
    let plan = plan(
        "--map-users 0:1000:1 --map-users 1:100000:9 --map-groups auto --cap-drop all \
         --cap-add CAP_CHOWN,kill --cap-drop kill x",
    );
    let ranges = vec![IdRange::one(0, 1000), IdRange { inner: 1, outer: 100_000, count: 9 }];
    assert_eq!(plan.identity.users, Mapping::Ranges(IdMap(ranges)));
    assert_eq!(plan.identity.groups, Mapping::Subids);
    let add = |n: &str| CapabilityChange::Add(n.to_owned());
    let drop = |n: &str| CapabilityChange::Drop(n.to_owned());
    assert_eq!(plan.process.capabilities, [drop("all"), add("chown"), add("kill"), drop("kill")]);
    let fake = Fake::default();
    assert_eq!(
        fake.refusal("--map-users auto --map-users 0:0:1 x").0,
        "`--map-users auto` and `--map-users 0:0:1` exclude each other: the map is made by dwell \
         or by you"
    );
    assert_eq!(
        fake.refusal("--map-users 0:5:2 --map-users 1:9:1 x").0,
        "the ranges 0:5:2 and 1:9:1 map an id twice (`--map-users 0:5:2`)"
    );
}

#[test]
fn only_what_a_program_needs_is_in_the_environment() {
    let names = |plan: &Plan| -> Vec<String> {
        plan.command.env.iter().map(|v| v.name.to_string()).collect()
    };
    let everything =
        ["COLORTERM", "HOME", "LANG", "LC_TIME", "LOGNAME", "PATH", "SHELL", "TERM", "TZ", "USER"];
    assert_eq!(names(&plan("x")), everything);
    assert_eq!(env(&plan("x"), "PATH").as_deref(), Some("/opt/bin:/bin"));
    let bare = Fake { env: vec![], ..Fake::default() }.plan("x");
    assert_eq!(names(&bare), ["HOME", "PATH"]);
    assert_eq!(env(&bare, "HOME").as_deref(), Some("/home/u"));
    let default = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin";
    assert_eq!(env(&bare, "PATH").as_deref(), Some(default));
    let from = plan("--from /srv/root x");
    assert_eq!(env(&from, "PATH").as_deref(), Some(default));
    assert_eq!(env(&from, "SHELL"), None);
    assert_eq!(env(&from, "TERM").as_deref(), Some("xterm"));
    let relative = Fake::default().var("HOME", "here").plan("x");
    assert_eq!(env(&relative, "HOME").as_deref(), Some("/home/u"));
    assert_eq!(Fake::default().users[1].1.uid, UID);
}

#[test]
fn more_environment_in_the_order_of_the_options() {
    let fake = Fake::default()
        .file("/home/u/env", b"# comment\nA=file\nSECRET\nGONE\n\nB=1 2\n")
        .file("bad", b"=x");
    let with = |line: &str, name: &str| env(&fake.plan(&format!("{line} x")), name);
    assert_eq!(with("-e A=b=c", "A").as_deref(), Some("b=c"));
    assert_eq!(with("-e SECRET", "SECRET").as_deref(), Some("s3cret"));
    assert_eq!(with("-e GONE", "GONE"), None);
    assert_eq!(with("-e PATH=/x", "PATH").as_deref(), Some("/x"));
    assert_eq!(with("--env-all", "SECRET").as_deref(), Some("s3cret"));
    assert_eq!(with("--env-all -r", "USER").as_deref(), Some("root"));
    assert_eq!(with("--env-all --from /srv/root", "HOME").as_deref(), Some("/root"));
    assert_eq!(with("-e SECRET=x --env-all", "SECRET").as_deref(), Some("s3cret"));
    assert_eq!(with("--env-all -e SECRET=x", "SECRET").as_deref(), Some("x"));
    for (line, a) in [("-e A=opt --env-file ~/env", "file"), ("--env-file ~/env -e A=opt", "opt")] {
        assert_eq!(with(line, "A").as_deref(), Some(a));
        assert_eq!(with(line, "B").as_deref(), Some("1 2"));
        assert_eq!(with(line, "SECRET").as_deref(), Some("s3cret"));
        assert_eq!(with(line, "GONE"), None);
    }
    let (sentence, _) = fake.refusal("--env-file /nope x");
    assert_eq!(sentence, "cannot read /nope: No such file or directory (`--env-file /nope`)");
    let (sentence, _) = fake.refusal("--env-file bad x");
    assert_eq!(sentence, "cannot use `--env-file bad`: line 1: the variable has no name");
}

#[test]
fn life_of_the_process() {
    let process = plan(
        "--as-pid-1 --pty never --keep-fd 9 --keep-fd 3 --ulimit nofile=10:20 --ulimit core=0 \
         --timeout 1.5m x",
    )
    .process;
    let limit = |name: &str, soft, hard| Rlimit { name: name.to_owned(), soft, hard };
    assert!(process.as_pid_1);
    assert_eq!(process.pty, Pty::Never);
    assert_eq!(process.keep_fds, [9, 3]);
    let limits = [limit("nofile", Some(10), Some(20)), limit("core", Some(0), Some(0))];
    assert_eq!(process.rlimits, limits);
    assert_eq!(process.timeout_ms, Some(90_000));
    assert_eq!(plan("--pty always --as-pid-1 x").process.pty, Pty::Always);
}

#[test]
fn limits() {
    use dwell_plan::limits::{Amount, IoDevice, Swap, Weight};
    let plan = plan(
        "--memory 64M --swap 0 --cpus 1.5 --cpu-weight 50 --cpuset 0-1,3 --pids 9 --nice -5 \
         --io /dev/sda:rbps=1M,wiops=5 --oom-score 500 --cgroup-manager fs --stats-file s.json x",
    );
    assert_eq!(plan.limits.memory.max, Some(Amount::Of(64 << 20)));
    assert_eq!(plan.limits.memory.swap, Some(Swap::Alone(Amount::Of(0))));
    let cpu = &plan.limits.cpu;
    assert_eq!((cpu.quota, cpu.period), (Some(Amount::Of(150_000)), Some(100_000)));
    assert_eq!(cpu.weight, Some(Weight::Weight(50)));
    assert_eq!(cpu.cpus.as_deref(), Some("0-1,3"));
    assert_eq!(plan.limits.pids, Some(Amount::Of(9)));
    let device = IoDevice {
        major: 8,
        minor: 0,
        rbps: Some(Amount::Of(1 << 20)),
        wbps: None,
        riops: None,
        wiops: Some(Amount::Of(5)),
        weight: None,
    };
    assert_eq!(plan.limits.io.devices, [device]);
    assert_eq!((plan.process.nice, plan.process.oom_score_adj), (Some(-5), Some(500)));
    assert_eq!(plan.cgroup.stats_file, Some(Text::from("/home/u/src/s.json")));
    let none = Fake::default().plan("x");
    assert!(none.limits.is_none() && !none.cgroup.asks_for_a_group());
    for (line, want) in [
        ("--memory 0 x", "cannot use `--memory 0`: a size of 0 holds nothing"),
        ("--cpus 0.001 x", "cannot use `--cpus 0.001`: the least is 0.01 of a processor"),
        ("--cpus two x", "cannot use `--cpus two`: 'two' is not a number of processors"),
        ("--cpuset 3-1 x", "cannot use `--cpuset 3-1`: '3-1' is not a list of processors"),
        ("--pids 0 x", "cannot use `--pids 0`: '0' is not a number from 1 to "),
        ("--nice 20 x", "cannot use `--nice 20`: '20' is not a number from -20 to 19"),
        ("--io /dev/sda x", "cannot use `--io /dev/sda`: a limit is missing behind the device"),
        ("--io /dev/sda:bps=1 x", "cannot use `--io /dev/sda:bps=1`: 'bps' is not one of"),
        ("--io /srv/file:rbps=1 x", "cannot use `--io /srv/file:rbps=1`: /srv/file is no block"),
        ("--io /nope:rbps=1 x", "cannot look at /nope: No such file or directory"),
    ] {
        let (sentence, _) = Fake::default().refusal(line);
        assert!(sentence.starts_with(want), "{line}: {sentence}");
    }
}

#[test]
fn walls_of_landlock() {
    use dwell_plan::landlock::Wall::{self, Abstract, Files, Signals, Sockets, Tcp};
    let walls = |line: &str| plan(line).landlock.map(|asked| asked.walls);
    let four = || vec![Files, Tcp, Signals, Abstract];
    for (line, want) in [
        ("x", None),
        ("--walls namespaces x", None),
        ("--walls all x", Some(four())),
        ("--walls namespaces,landlock x", Some(four())),
        ("--walls all --net host x", Some(vec![Files, Signals, Abstract])),
        ("--walls all --share net x", Some(vec![Files, Signals, Abstract])),
        ("--walls namespaces,landlock-tcp,landlock-files x", Some(vec![Files, Tcp])),
        ("--walls landlock x", Some(vec![Files, Tcp, Signals, Abstract, Sockets])),
        ("--walls landlock --net host x", Some(vec![Files, Signals, Abstract, Sockets])),
        ("--walls landlock-files x", Some(vec![Files])),
    ] {
        assert_eq!(walls(line), want, "{line}");
    }
    let accepted = |line: &str| plan(line).landlock.map(|asked| asked.accept_missing);
    let line = "--walls landlock --allow-degraded landlock-tcp --allow-degraded sockets x";
    assert_eq!(accepted(line), Some(vec![Tcp, Sockets]));
    assert_eq!(
        accepted("--walls all --allow-degraded landlock x"),
        Some(Wall::OF_LANDLOCK.to_vec())
    );
}

#[test]
fn without_namespaces_the_current_directory_is_read() {
    let bare = plan("--walls landlock x");
    assert_eq!(bare.namespaces.own, NamespaceSet::EMPTY);
    let shown: Vec<_> =
        bare.grants.iter().map(|grant| (&grant.what, grant.dest.to_string())).collect();
    let source = Text::from("/home/u/src");
    assert_eq!(shown, [(&GrantKind::ReadOnly { source }, "/home/u/src".to_owned())]);
    for cwd in ["/tmp", "/home/u", "/home", "/", "/run"] {
        assert!(Fake::at(cwd).plan("--walls landlock x").grants.is_empty(), "{cwd}");
    }
    for (line, want, hint) in [
        ("--unshare pid", "`--unshare pid` and `--walls landlock` exclude each other", ""),
        ("--join net=1", "`--join net=1` and `--walls landlock` exclude each other", ""),
        (
            "--hostname b",
            "`--hostname b` needs the uts namespace",
            "`--walls landlock` makes no namespaces",
        ),
        (
            "--time-offset boot=1",
            "`--time-offset boot=1` needs the time",
            "`--walls landlock` makes",
        ),
        ("--map-users auto", "`--map-users auto` needs the user", "`--walls landlock` makes"),
        ("--home", "`--home` needs the mount", "`--walls landlock` makes"),
        ("--scratch 1G", "`--scratch 1G` needs the mount", "`--walls landlock` makes"),
    ] {
        let (sentence, said) = Fake::default().refusal(&format!("{line} --walls landlock x"));
        assert!(sentence.starts_with(want) && said.starts_with(hint), "{line}: {sentence} {said}");
    }
}
