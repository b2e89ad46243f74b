//! Expressions over one row.

use super::{Filter, Incomparable};
use crate::table::Type;

/// `PID` is 7, `NAME` is "web 1", `NONE` and `VOID` are empty (a number, a text).
fn row(columns: &[String], place: usize) -> (Type, Option<Vec<u8>>) {
    match columns[place].as_str() {
        "PID" => (Type::Number, Some(b"7".to_vec())),
        "NAME" => (Type::Text, Some(b" web 1".to_vec())),
        "NONE" => (Type::Number, None),
        "VOID" => (Type::Text, None),
        other => panic!("{other}"),
    }
}

fn accepts(text: &str) -> Result<bool, Incomparable> {
    let filter = Filter::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
    filter.accepts(|place| row(filter.columns(), place))
}

#[test]
fn comparisons() {
    for yes in [
        "",
        "PID",
        "PID == 7",
        "7 == PID",
        "PID eq 7",
        "PID != 8",
        "PID ne 8",
        "PID > 6.5",
        "PID < 1K",
        "PID<=7",
        "PID >= 7",
        "PID le 7",
        "PID ge 7",
        "PID lt 8",
        "PID GT 6",
        "NAME",
        "NAME == 'web 1'",
        "NAME == \" web 1 \"",
        "NAME =~ '^web'",
        "NAME !~ 'x'",
        "NAME =~ \"[[:digit:]]$\"",
        "true",
        "NAME > 'wea'",
        "PID == '7'",
        "PID =~ '^7$'",
        "VOID < NAME",
        "VOID == VOID",
        "NONE !~ 'x'",
        "1KiB == 1024",
        "PID == 7.0",
        "(PID == 7) == true",
        "not NONE",
        "!VOID",
        "NONE < 0.5",
        "NONE == '0'",
    ] {
        assert_eq!(accepts(yes), Ok(true), "{yes}");
    }
    for no in [
        "PID == 8",
        "false",
        "not PID",
        "NONE",
        "VOID",
        "NONE == 0",
        "NONE != 0",
        "NONE < 5",
        "PID == 'x'",
        "NAME =~ '^eb'",
        "NAME !~ 'web'",
        "PID < 7",
        "NAME == VOID",
    ] {
        assert_eq!(accepts(no), Ok(false), "{no}");
    }
    for bad in ["NAME == 5", "NAME > 1.5"] {
        assert_eq!(accepts(bad), Err(Incomparable), "{bad}");
    }
}

/// `and` and `or` bind alike, from the left; `not` binds like a comparison.
#[test]
fn precedence() {
    assert_eq!(accepts("true or true and false"), Ok(false));
    assert_eq!(accepts("true or (true and false)"), Ok(true));
    assert_eq!(accepts("PID == 7 and NAME =~ 'web' && true || false"), Ok(true));
    // (not PID) == 7: a truth and a number are compared as a truth is.
    assert_eq!(accepts("not PID == 7"), Ok(false));
    assert_eq!(accepts("not (PID == 8)"), Ok(true));
    assert_eq!(accepts("not not PID"), Ok(true));
}

#[test]
fn mistakes() {
    let error = |text: &str| Filter::parse(text).unwrap_err();
    assert_eq!(error("PID =="), "syntax error, unexpected end of file");
    assert_eq!(error("PID == 1 x"), "syntax error, unexpected HOLDER, expecting end of file");
    assert_eq!(error("== 1"), "syntax error, unexpected EQ");
    assert_eq!(error("PID 1"), "syntax error, unexpected NUMBER, expecting end of file");
    assert_eq!(error("(PID"), "syntax error, unexpected end of file");
    assert_eq!(error("'x"), "syntax error, unexpected '''");
    assert_eq!(error("NAME =~ '['"), "Invalid regular expression");
    assert_eq!(error("NAME =~ PID"), "a regular expression is a quoted string");
    assert_eq!(error("99999999999999999999 == 1"), "\"99999999999999999999\" number too large");
    assert!(error(&"(".repeat(100_000)).contains("nested"));
    assert!(error(&"!".repeat(100_000)).contains("nested"));
}

#[test]
fn patterns_are_those_of_posix() {
    for yes in [r"'[\w]e'", "'[]w]eb'", "'web 1|x'", "'w.b'", "'(we)b'", "'[^x-z]eb'", r"'web\ 1'"]
    {
        let text = format!("NAME =~ {yes}");
        assert_eq!(accepts(&text), Ok(true), "{yes}");
    }
    // A backslash in brackets is one like others.
    assert_eq!(accepts(r"NAME =~ '[\d]'"), Ok(false));
    assert_eq!(accepts("NAME =~ '[[]'"), Ok(false));
}

#[test]
fn never_panics() {
    let words =
        ["PID", "==", "(", ")", "not", "and", "'x'", "1", "2.5", "\"", "=~", "!", "é", "7K"];
    let mut state = 1u64;
    for _ in 0..3000 {
        let mut text = String::new();
        for _ in 0..6 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = usize::try_from(state >> 40).unwrap_or(0) % words.len();
            text.push_str(words[at]);
            text.push(' ');
        }
        if let Ok(filter) = Filter::parse(&text) {
            let _ = filter.accepts(|place| row(filter.columns(), place));
        }
    }
}
