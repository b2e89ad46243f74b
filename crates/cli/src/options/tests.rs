//! The table is consistent, the parser handles all of it, and help says it.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use super::*;
use crate::message::Failure;

fn low(line: &str) -> Result<LowArgs, Failure> {
    parse(line.split_whitespace().map(OsString::from).collect())
}

fn sentence(line: &str) -> String {
    low(line).unwrap_err().sentence
}

/// A value that each option takes.
fn example(option: &Opt) -> &'static str {
    match option.id {
        Id::Rw | Id::Ro | Id::Cow => "/a:/b",
        Id::Hide | Id::Dev | Id::Socket | Id::Workdir | Id::EnvFile | Id::FromPlan => "/a",
        Id::Tmpfs => "/a:1M",
        Id::Scratch => "1G",
        Id::From => "host",
        Id::Unshare | Id::Share => "pid,mount",
        Id::Join => "net=1",
        Id::Net => "host",
        Id::Hostname => "box",
        Id::TimeOffset => "boot=1",
        Id::User => "0:0",
        Id::MapUsers | Id::MapGroups => "auto",
        Id::CapAdd | Id::CapDrop => "chown,kill",
        Id::Env => "A=b",
        Id::Timeout => "1.5m",
        Id::Ulimit => "nofile=1:2",
        Id::Pty => "never",
        Id::KeepFd => "3",
        Id::Plan => "json",
        Id::Seccomp => "strict",
        Id::Walls => "namespaces,landlock-files",
        Id::AllowDegraded => "landlock-tcp",
        Id::Memory | Id::Swap => "64M",
        Id::Cpus => "1.5",
        Id::CpuWeight => "50",
        Id::Cpuset => "0-1",
        Id::Pids => "9",
        Id::Io => "/a:rbps=1M,wiops=5",
        Id::CgroupManager => "fs",
        Id::StatsFile => "/a",
        Id::Nice => "-5",
        Id::OomScore => "500",
        Id::Proc => "tools",
        Id::Sysctl => "net.core.somaxconn=9",
        Id::NoNewCode
        | Id::Verify
        | Id::CgroupWritable
        | Id::RlimitFallback
        | Id::Stats
        | Id::Home
        | Id::ReadOnly
        | Id::Writable
        | Id::Root
        | Id::EnvAll
        | Id::AsPid1
        | Id::SeccompLog
        | Id::Explain
        | Id::Help => "",
    }
}

#[test]
fn names_are_unique_and_every_id_has_one_row() {
    for (at, option) in RUN.iter().enumerate() {
        for other in &RUN[..at] {
            assert_ne!(option.name, other.name);
            assert_ne!(option.id, other.id, "{} {}", option.name, other.name);
            assert!(option.short.is_none() || option.short != other.short, "{}", option.name);
        }
        assert!(Opt::long(option.name).is_some_and(|o| o.id == option.id));
        if let Some(short) = option.short {
            assert!(Opt::short(short).is_some_and(|o| o.id == option.id));
        }
    }
    // The last of the enumeration counts them all.
    assert_eq!(RUN.len(), Id::Writable as usize + 1);
}

#[test]
fn rows_keep_the_house_style() {
    let lower = |s: &str| s.bytes().all(|b| b.is_ascii_lowercase() || b == b'-' || b == b'1');
    for option in RUN {
        let name = option.name;
        assert!(lower(name) && name.len() >= 2, "{name}");
        assert!(option.help.starts_with(|c: char| c.is_ascii_uppercase()), "{name}");
        assert!(!option.help.ends_with('.') && option.help.len() <= 48, "{name}");
        for text in option.long {
            assert!(text.ends_with('.') && !text.contains("  ") && !text.contains('\n'), "{name}");
        }
        let mut words = option.long.iter().chain([&option.help]).chain(option.value.as_ref());
        assert!(words.all(|w| w.is_ascii()), "{name}");
        assert!(option.value.is_some() || option.choices.is_empty(), "{name}");
        assert!(option.value.is_some() || !option.repeatable, "{name}");
    }
    for (at, pair) in RUN.windows(2).enumerate() {
        let place = |o: &Opt| Category::ALL.iter().position(|c| *c == o.category);
        assert!(place(&pair[0]) <= place(&pair[1]), "row {at}: categories are mixed");
    }
}

#[test]
fn texts_name_only_options_that_exist() {
    let texts = RUN.iter().flat_map(|o| o.long.iter().chain([&o.help]).copied());
    for text in texts.chain(FOREIGN.iter().map(|(_, hint)| *hint)) {
        for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-') {
            if let Some(name) = word.strip_prefix("--").filter(|n| !n.is_empty()) {
                let allowed = ["install", "env-file", "new-session"].contains(&name);
                assert!(allowed || Opt::long(name).is_some(), "--{name} in: {text}");
            }
        }
    }
    for (name, _) in FOREIGN {
        assert!(Opt::long(name).is_none(), "{name} is our own");
    }
}

#[test]
fn the_parser_takes_every_row_and_says_so_in_its_words() {
    for option in RUN {
        let value = example(option);
        assert_eq!(option.value.is_some(), !value.is_empty(), "{}", option.name);
        let mut lines = vec![format!("--{} {value}", option.name)];
        if let Some(short) = option.short {
            lines.push(format!("-{short} {value}"));
        }
        if option.value.is_some() {
            lines.push(format!("--{}={value}", option.name));
        }
        for line in lines {
            let got = low(&line).unwrap_or_else(|e| panic!("{line}: {e:?}"));
            let shapes = option.category != Category::Inspection;
            let words = shapes.then(|| line.trim_end().to_owned());
            assert_eq!(got.shaping, words);
            let untouched = LowArgs { shaping: words, ..LowArgs::default() };
            let neutral = option.id == Id::KeepFd || option.id == Id::Pty;
            assert!(neutral || format!("{got:?}") != format!("{untouched:?}"), "{line} is lost");
        }
    }
}

#[test]
fn values_are_missing_or_too_many() {
    for option in RUN {
        let name = option.name;
        match option.value {
            Some(metavar) => {
                let want = format!("`--{name}` needs a value: {metavar}");
                assert_eq!(sentence(&format!("--{name}")), want);
            }
            None => {
                assert_eq!(sentence(&format!("--{name}=x")), format!("`--{name}` takes no value"));
            }
        }
    }
    assert_eq!(sentence("-w"), "`-w` needs a value: DIR");
    assert_eq!(sentence("-r=1"), "`-r` takes no value");
}

#[test]
fn choices_are_the_tables() {
    for option in RUN.iter().filter(|o| !o.choices.is_empty()) {
        for choice in option.choices {
            assert!(low(&format!("--{} {choice}", option.name)).is_ok(), "{choice}");
        }
        assert!(low(&format!("--{} xyzzy", option.name)).is_err());
    }
    assert_eq!(
        sentence("--pty maybe"),
        "cannot use `--pty maybe`: 'maybe' is not one of auto, always, never"
    );
}

#[test]
fn options_end_at_the_first_operand() {
    let program = |line: &str| {
        let low = low(line).unwrap();
        (low.program.join(" ".as_ref()).into_string().unwrap(), low.root.is_some())
    };
    assert_eq!(program("-r ls -r --ro"), ("ls -r --ro".to_owned(), true));
    assert_eq!(program("-- -r x"), ("-r x".to_owned(), false));
    assert_eq!(program("-r -- ls -- x"), ("ls -- x".to_owned(), true));
    assert_eq!(program("ls -- x"), ("ls -- x".to_owned(), false));
    assert_eq!(program("- x"), ("- x".to_owned(), false));
    assert_eq!(program(""), (String::new(), false));
}

#[test]
fn short_options_cluster() {
    let low = low("-rw /x").unwrap();
    assert!(low.root.is_some());
    assert_eq!(low.workdir.map(|w| w.words), Some("-w /x".to_owned()));
    assert_eq!(super::tests::low("-rw/x").unwrap().workdir.unwrap().words, "-w/x");
}

#[test]
fn the_later_of_two_counts_and_repeatable_ones_add_up() {
    let low = low("--scratch 1 --scratch 2 --ro /a --rw /b --ulimit core=1 --ulimit core=2 \
                   --time-offset boot=1 --time-offset boot=2 --keep-fd 5 --keep-fd 5 --keep-fd 1")
    .unwrap();
    assert_eq!(low.scratch.unwrap().value, 2);
    assert_eq!(low.grants.len(), 2);
    assert_eq!(low.rlimits.len(), 1);
    assert_eq!(low.rlimits[0].soft, Some(2));
    assert_eq!(low.time_offsets.len(), 1);
    assert_eq!(low.keep_fds, [5]);
}

#[test]
fn unknown_options_have_a_hint() {
    for (line, sentence, hint) in [
        ("--hostnam x", "there is no option `--hostnam`", "did you mean `--hostname`?"),
        ("--work=x", "there is no option `--work`", "did you mean `--workdir`?"),
        ("--ro-bind / /", "there is no option `--ro-bind`", "it is called `--ro PATH:DEST` here"),
        ("--xyzzy", "there is no option `--xyzzy`", "`dwell run -h` lists the options"),
        ("-x", "there is no option `-x`", "`dwell run -h` lists the options"),
        (
            "-it",
            "there is no option `-i`",
            "a terminal is handed on without an option; see `--pty`",
        ),
    ] {
        let failure = low(line).unwrap_err();
        assert_eq!((failure.sentence.as_str(), failure.hint.as_deref()), (sentence, Some(hint)));
    }
}

#[test]
fn bad_values_name_the_option_as_it_was_typed() {
    for (line, want) in [
        ("--timeout=5x", "cannot use `--timeout=5x`: '5x' is not a duration"),
        ("--scratch 10%", "cannot use `--scratch 10%`: '10%' is not a size"),
        ("--unshare pid,usr", "cannot use `--unshare pid,usr`: 'usr' is not a namespace; did you"),
        ("--ro /a:b", "cannot use `--ro /a:b`: the destination 'b' is not absolute"),
        ("-u bob:1", "cannot use `-u bob:1`: a group is given with a number"),
        ("-e =x", "cannot use `-e =x`: the variable has no name"),
        ("--ulimit nofil=1", "cannot use `--ulimit nofil=1`: there is no limit 'nofil'; did you"),
        ("--map-users 0:0", "cannot use `--map-users 0:0`: '0:0' is not INNER:OUTER:COUNT"),
    ] {
        let got = sentence(line);
        assert!(got.starts_with(want), "{got}");
    }
}

#[test]
fn bytes_that_are_no_text() {
    let run =
        |words: &[&[u8]]| parse(words.iter().map(|w| OsString::from_vec(w.to_vec())).collect());
    let low = run(&[b"--ro", b"/\xff", b"-e", b"A=\xfe", b"\xfd"]).unwrap();
    let path = b"/\xff".to_vec();
    assert_eq!(low.grants[0].value, LowGrant::ReadOnly { path, dest: None });
    assert_eq!(low.env[0].value, EnvSource::Set(b"A".to_vec(), b"\xfe".to_vec()));
    assert_eq!(low.program, [OsString::from_vec(b"\xfd".to_vec())]);
    let failure = run(&[b"--hostname", b"\xff"]).unwrap_err();
    assert!(failure.sentence.ends_with("it is not UTF-8 text"));
    assert!(run(&[b"--\xff"]).is_err());
}

#[test]
fn help_is_short_or_long() {
    assert_eq!(low("-h --xyzzy").unwrap().help, Some(Detail::Short));
    assert_eq!(low("-r --help").unwrap().help, Some(Detail::Long));

    let short = run_help(Detail::Short, 80);
    for line in [
        "Usage: dwell run [OPTIONS] [--] [PROGRAM [ARG...]]",
        "Files:",
        "Plan and help:",
        "      --ro PATH[:DEST]          Show a path, not to be changed",
        "  -w, --workdir DIR             Start in this directory of the world",
        "      --as-pid-1                Make the program process 1, without a reaper",
        "  -h, --help                    Print help; -h is the short form",
    ] {
        assert!(short.lines().any(|l| l == line), "{line}\nis not in\n{short}");
    }
    let long = run_help(Detail::Long, 80);
    for line in [
        "Users and capabilities:",
        "  -u, --user UID[:GID]|NAME",
        "          Run the program as this user of the world",
        "          SIZE is the most it may hold, written as for --scratch.",
    ] {
        assert!(long.lines().any(|l| l == line), "{line}\nis not in\n{long}");
    }
    assert!(!long.contains("\n\n\n") && long.ends_with('\n') && !long.ends_with("\n\n"));
    for option in RUN {
        assert!(short.contains(&format!("--{}", option.name)) && long.contains(option.help));
    }
    for category in Category::ALL {
        assert!(long.contains(&format!("\n\n{}:\n", category.title())));
    }
}

#[test]
fn help_fits_the_terminal() {
    for (columns, widest) in [(0, 40), (40, 40), (60, 60), (80, 80), (100, 100), (500, 100)] {
        for detail in [Detail::Short, Detail::Long] {
            let help = run_help(detail, columns);
            let longest = help.lines().map(str::len).max().unwrap();
            // The usage line and names of options are not broken.
            assert!(longest <= widest.max(51), "{columns}: {longest}");
            assert!(help.lines().all(|l| !l.ends_with(' ')), "{columns}");
        }
        assert!(overview(columns).lines().all(|l| l.len() <= widest), "{columns}");
    }
}
