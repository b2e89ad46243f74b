//! The command line, and lines for an inventory that is written down.

use std::ffi::OsString;

use dwell_plan::{NamespaceKind, Text};
use dwell_probe::inventory::{Inventory, Namespace, Process};

use super::options::{Mistake, Parsed, Settings, Tree, parse};
use super::show;
use crate::table::{Charset, Form, Table};

fn words(line: &str) -> Vec<OsString> {
    line.split(' ').filter(|w| !w.is_empty()).map(OsString::from).collect()
}

fn settings(line: &str) -> Settings {
    match parse(words(line)) {
        Ok(Parsed::Run(settings)) => *settings,
        other => panic!("{line}: {other:?}"),
    }
}

fn mistake(line: &str) -> String {
    match parse(words(line)) {
        Err(Mistake::Said(sentences)) => sentences.join("; "),
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn mistakes() {
    for (line, said) in [
        ("-o foo,NS", "unknown column: foo,NS"),
        ("-o NS,foo,PID", "unknown column: foo,PID"),
        ("-o NS,", "unknown column: NS,"),
        ("-o ,NS", ""),
        ("-r -J", "options --raw and --json cannot be combined"),
        ("-P -p 1", "options --persistent and --task cannot be combined"),
        ("-p 1 5", "--task is mutually exclusive with <namespace>"),
        ("-p x", "invalid PID argument: 'x'"),
        ("-p -5", "invalid PID argument: '-5': Numerical result out of range"),
        ("0x10", "invalid namespace argument: '0x10'"),
        ("-t mount", "unknown namespace type: mount"),
        ("-T=x", "unknown tree type: x"),
        ("-Q (", "failed to parse \"(\": syntax error, unexpected end of file"),
        ("-Q FOO", "unknown column: FOO; failed to initialize filter"),
    ] {
        assert_eq!(mistake(line), said, "{line}");
    }
    assert_eq!(mistake(&format!("-o {}", ["NS"; 27].join(","))), "");
    assert_eq!(settings(&format!("-o {}", ["NS"; 26].join(","))).columns.len(), 26);
    assert!(matches!(parse(words("--o NS")), Err(Mistake::Grammar(_))));
}

#[test]
fn what_is_shown() {
    assert_eq!(settings("").tree, Tree::Process);
    assert_eq!(settings("-l").tree, Tree::None);
    assert_eq!(settings("-T").tree, Tree::Owner);
    assert_eq!(settings("-Tparent").tree, Tree::Parent);
    assert_eq!(settings("--tree=process -l").tree, Tree::Process);
    assert_eq!(settings("--output-all").tree, Tree::None);
    assert_eq!(settings("--output-all 5").tree, Tree::Process);
    assert_eq!(settings("-J -n").form, Form::Json("namespaces"));
    assert_eq!(settings("-t net").columns.len(), 8);
    assert_eq!(settings("-t uts -o +path,PNS").columns.len(), 8);
    assert!(!settings("").wanted().relations && settings("-o ONS").wanted().relations);
    assert!(settings("-Q NETNSID").wanted().netnsids);
    assert!(matches!(parse(words("-J -H")), Ok(Parsed::Columns(Form::Json(_)))));
    assert!(matches!(parse(words("-h --typo")), Ok(Parsed::Help)));
}

/// Two processes behind a pid and a user namespace of their own, and a mounted UTS namespace.
fn inventory() -> Inventory {
    let mut all = Inventory::default();
    for (pid, parent, user, pids) in
        [(1, 0, 10, 20), (4_000_001, 1, 11, 21), (4_000_002, 4_000_001, 11, 21)]
    {
        let mut process =
            Process { pid, parent, uid: 0, name: Text::from("p"), ..Process::default() };
        process.namespaces[0] = user;
        process.namespaces[2] = pids;
        all.add_process(process);
    }
    let mut set = |id: u64, parent: Option<u64>, owner: Option<u64>| {
        let namespace = all.namespaces.get_mut(&id).unwrap();
        (namespace.parent, namespace.owner) = (parent, owner);
    };
    set(11, Some(10), Some(10));
    set(21, Some(20), Some(11));
    set(20, None, Some(10));
    let mut bound = Namespace::new(30, NamespaceKind::Uts);
    bound.bound = vec![Text::from("/a"), Text::from("/b c")];
    bound.owner = Some(11);
    all.namespaces.insert(30, bound);
    all
}

fn shown(line: &str) -> String {
    let settings = settings(line);
    let mut table = Table::new(settings.table_columns(), Charset::Utf8);
    (table.form, table.headings) = (settings.form, settings.headings);
    match show::fill(&inventory(), &settings, &mut table) {
        Ok(()) => String::from_utf8(table.print()).unwrap(),
        Err(sentence) => sentence,
    }
}

#[test]
fn trees() {
    assert_eq!(
        shown("-T -n -o NS,TYPE"),
        "10     user\n├─11   user\n│ ├─21 pid\n│ └─30 uts\n└─20   pid\n"
    );
    assert_eq!(shown("-Tparent -n -o NS"), "10\n└─11\n20\n└─21\n30\n");
    assert_eq!(
        shown("-l -r -n -o NS,NPROCS,PID"),
        "10 1 1\n11 2 4000001\n20 1 1\n21 2 4000001\n30 0 \n"
    );
    assert_eq!(
        shown("21 -n -r -o PID,COMMAND"),
        "4000001 p\n4000002 \\xe2\\x94\\x94\\xe2\\x94\\x80p\n"
    );
    assert_eq!(shown("99"), "not found namespace: 99");
}

#[test]
fn selections() {
    assert_eq!(shown("-P -n -r -o NS,NSFS"), "30 /a,/b\\x20c\n");
    assert_eq!(shown("-P -n -o NS,NSFS"), "30 /a\n   /b c\n");
    assert_eq!(shown("-P -W -n -o NSFS"), "/a,/b c\n");
    assert_eq!(shown("-p 1 -n -r -l -o NS"), "10\n20\n");
    assert_eq!(shown("-p 77 -n"), "");
    assert_eq!(shown("-n -r -l -o NS -Q NPROCS>1"), "11\n21\n");
    assert_eq!(shown("-n -r -l -o NS -Q NSFS"), "30\n");
    assert_eq!(shown("-Q TYPE==5"), "failed to apply filter: Invalid argument");
    // What is above a line that is kept out has no line, and it none above.
    assert_eq!(shown("-T -n -o NS -Q TYPE!='user'"), "20\n21\n30\n");
}
