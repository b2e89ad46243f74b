//! Tables as they are printed.

use super::{Charset, Column, Form, Table, Type};

fn cells(texts: &[&str]) -> Vec<Option<Vec<u8>>> {
    texts.iter().map(|t| (!t.is_empty()).then(|| t.as_bytes().to_vec())).collect()
}

/// A number, a text of several lines, a tree that may be cut.
fn table() -> Table {
    let columns = vec![
        Column::number("NS"),
        Column { lines: true, ..Column::text("WHERE") },
        Column { tree: true, cut: true, ..Column::text("COMMAND") },
    ];
    let mut table = Table::new(columns, Charset::Utf8);
    let a = table.add(cells(&["4026531836", "/a\n/longer", "init"]), None);
    let b = table.add(cells(&["12", "", "x\ty \\x é漢"]), Some(a));
    table.add(cells(&["13", "/b\n/c", "leaf"]), Some(b));
    table.add(cells(&["14", "/d\n/e", "last"]), Some(a));
    table
}

fn print(table: &Table) -> String {
    String::from_utf8(table.print()).unwrap()
}

#[test]
fn aligned() {
    assert_eq!(
        print(&table()),
        "        NS WHERE   COMMAND\n\
         4026531836 /a      init\n           \
         /longer │ \n        \
         12         ├─x\\x09y \\x5cx é漢\n        \
         13 /b      │ └─leaf\n           \
         /c      │   \n        \
         14 /d      └─last\n           \
         /e        \n"
    );
}

#[test]
fn narrow() {
    let mut table = table();
    table.terminal = Some(30);
    assert!(print(&table).contains("├─x\\x09y \\x\n"));
    table.terminal = Some(5);
    // Never narrower than the heading.
    assert!(print(&table).contains("│ └─lea\n"));
}

#[test]
fn ascii() {
    let mut table = table();
    table.charset = Charset::Ascii;
    let text = print(&table);
    assert!(
        text.is_ascii()
            && text.contains("|-x\\x09y \\x5cx \\xc3\\xa9\\xe6")
            && text.contains("| `-leaf")
    );
}

#[test]
fn raw() {
    let mut table = table();
    table.form = Form::Raw;
    assert_eq!(print(&table).lines().next(), Some("NS WHERE COMMAND"));
    assert!(
        print(&table)
            .contains("\n12  \\xe2\\x94\\x9c\\xe2\\x94\\x80x\\x09y\\x20\\x5cx\\x20\\xc3\\xa9")
    );
    table.headings = false;
    assert!(print(&table).starts_with("4026531836 "));
}

#[test]
fn json() {
    let mut table = table();
    table.form = Form::Json("all");
    let text = print(&table);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let init = &value["all"][0];
    assert_eq!(init["ns"], 4_026_531_836u64);
    assert_eq!(init["where"], "/a\n/longer");
    assert_eq!(init["children"][0]["command"], "x\ty \\x é漢");
    assert!(init["children"][0]["where"].is_null());
    assert_eq!(init["children"][1]["ns"], 14);
    assert!(text.starts_with("{\n   \"all\": [\n      {\n         \"ns\": 4026531836,\n"));
    assert!(text.ends_with("            }\n         ]\n      }\n   ]\n}\n"), "{text}");
}

#[test]
fn empty() {
    let mut table = Table::new(vec![Column::number("A")], Charset::Ascii);
    assert_eq!(print(&table), "");
    table.form = Form::Raw;
    assert_eq!(print(&table), "");
    table.form = Form::Json("x");
    assert_eq!(print(&table), "{\n   \"x\": [\n\n   ]\n}\n");
    assert_eq!(Column::number("A").holds, Type::Number);
}

#[test]
fn charsets() {
    let of = |pairs: &[(&str, &str)]| {
        Charset::of(|name| {
            pairs.iter().find(|(n, _)| *n == name).map(|(_, value)| std::ffi::OsStr::new(*value))
        })
    };
    assert_eq!(of(&[("LANG", "C.UTF-8")]), Charset::Utf8);
    assert_eq!(of(&[("LANG", "C.UTF-8"), ("LC_ALL", "C")]), Charset::Ascii);
    assert_eq!(of(&[("LANG", "en_US.utf8"), ("LC_ALL", "")]), Charset::Utf8);
    assert_eq!(of(&[("LC_CTYPE", "de_DE.UTF-8@euro")]), Charset::Utf8);
    assert_eq!(of(&[("LANG", "de_DE")]), Charset::Ascii);
    assert_eq!(of(&[]), Charset::Ascii);
}

#[test]
fn bytes_that_are_no_text() {
    let mut out = Vec::new();
    assert_eq!(Charset::Utf8.encode(b"a\xff\xc3\xa9\xc3", &mut out), 10);
    assert_eq!(out, "a\\xffé\\xc3".as_bytes());
}
