//! Directories and files with odd names.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;

use crate::harness::{Ctx, Outcome, cases, ensure};

cases! {
    both: current_directory, granted, granted_elsewhere, mounted, colons_are_escaped, hidden,
        in_messages, workdir, arguments;
}

const NAMES: [&[u8]; 14] = [
    b"with space",
    b" leading and trailing ",
    b"new\nline",
    b"comma,comma",
    b"co:lon",
    b"back\\slash",
    b"oct\\040al",
    b"quote'\"quote",
    b"tab\ttab",
    b"\xff\xfe not utf8",
    "umläut ☃".as_bytes(),
    b"-dash",
    b"=equals=",
    b"~",
];

fn each(mut act: impl FnMut(&OsStr) -> Outcome) -> Outcome {
    for name in NAMES {
        let name = OsStr::from_bytes(name);
        if let Err(crate::harness::Stop::Fail(why)) = act(name) {
            return crate::harness::fail(format!("{name:?}: {why}"));
        }
    }
    Ok(())
}

fn current_directory(ctx: &Ctx) -> Outcome {
    each(|name| {
        let dir = ctx.dir(name)?;
        ctx.file(dir.join("f"), "old\n")?;
        let got = ctx.world("", "pwd; cat f; echo new >f; cat f; touch g").cwd(&dir).go()?;
        got.exits(0)?;
        let want = [dir.as_os_str().as_bytes(), b"\nold\nnew\n"].concat();
        ensure!(got.out == want, "another directory or content{got}");
        ensure!(fs::read(dir.join("f"))? == b"old\n" && !dir.join("g").exists(), "not kept in");
        Ok(())
    })
}

/// The path as an option writes it: colons are spelt out.
fn escaped(path: &OsStr) -> OsString {
    let mut out = Vec::new();
    for byte in path.as_bytes() {
        if *byte == b':' {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    OsStr::from_bytes(&out).to_owned()
}

fn granted(ctx: &Ctx) -> Outcome {
    ctx.dir("elsewhere")?;
    each(|name| {
        let dir = ctx.dir(name)?;
        let file = ctx.file(dir.join("f"), "old\n")?;
        let cat = "cat \"$1\"; echo new >\"$1\"";
        for (option, changes) in [("--ro", false), ("--cow", false), ("--rw", true)] {
            let run =
                ctx.run().cwd(ctx.path("elsewhere")).arg(option).arg(escaped(dir.as_os_str()));
            let got = run.args(["--", "sh", "-c", cat, "sh"]).arg(&file).go()?;
            got.prints("old\n")?;
            let changed = fs::read(&file)? == b"new\n";
            ensure!(changed == changes, "{option}: changed outside: {changed}{got}");
        }
        Ok(())
    })
}

fn granted_elsewhere(ctx: &Ctx) -> Outcome {
    each(|name| {
        let file = ctx.file(ctx.path("src").join(name), "content\n")?;
        let mut option = escaped(file.as_os_str());
        option.push(":/granted/");
        option.push(escaped(name));
        let run = ctx.run().cwd("/").arg("--ro").arg(option);
        let place = ["/granted/".as_bytes(), name.as_bytes()].concat();
        run.args(["--", "cat"])
            .arg(OsStr::from_bytes(&place))
            .go()?
            .exits(0)?
            .prints("content\n")?;
        Ok(())
    })
}

/// The kernel writes such names in its own way into `mountinfo`.
fn mounted(ctx: &Ctx) -> Outcome {
    ctx.needs_privilege()?;
    each(|name| {
        let dir = ctx.dir(name)?;
        let mounted = ctx.mount(&["-t", "tmpfs", "none", "--"], &dir)?;
        ctx.give(&dir)?;
        ctx.file(dir.join("f"), "old\n")?;
        let got = ctx.run().args(["--", "sh", "-c", "cat \"$1\"; echo x >\"$1\"", "sh"]);
        let got = got.arg(dir.join("f")).go();
        let after = fs::read(dir.join("f"))?;
        drop(mounted);
        got?.exits(0)?.prints("old\n")?;
        ensure!(after == b"old\n", "the machine's file has changed");
        Ok(())
    })
}

fn colons_are_escaped(ctx: &Ctx) -> Outcome {
    ctx.file("a", "a")?;
    ctx.file("a:b", "ab")?;
    ctx.run().args(["--ro", "a\\:b:/x", "cat", "/x"]).cwd(&ctx.scratch).go()?.prints("ab")?;
    ctx.run().args(["--ro", "a:/x", "cat", "/x"]).go()?.prints("a")?;
    let got = ctx.run().args(["--ro", "a:/x:/y", "true"]).go()?;
    got.refuses(125, "cannot use `--ro a:/x:/y`")?;
    let got = ctx.run().args(["--ro", "a:relative", "true"]).go()?;
    got.refuses(125, "cannot use `--ro a:relative`")?;
    Ok(())
}

fn hidden(ctx: &Ctx) -> Outcome {
    each(|name| {
        let file = ctx.file(ctx.path("dir").join(name), "secret")?;
        let run = ctx.run().arg("--hide").arg(escaped(file.as_os_str()));
        run.args(["--", "cat"]).arg(&file).go()?.prints("")?;
        Ok(())
    })
}

/// What a name holds must not steer the reader's terminal.
fn in_messages(ctx: &Ctx) -> Outcome {
    let got = ctx.run().args(["--ro", "/no\u{1b}[31m\n\u{7}pe", "true"]).go()?;
    got.exits(125)?;
    let err = got.err();
    ensure!(!err.contains('\u{1b}') && !err.contains('\u{7}'), "control characters{got}");
    got.refuses(125, "cannot ")?;
    let got = ctx.run().args(["--", "/no\u{1b}[31m"]).go()?;
    ensure!(!got.err().contains('\u{1b}'), "control characters{got}");
    Ok(())
}

fn workdir(ctx: &Ctx) -> Outcome {
    each(|name| {
        let dir = ctx.dir(name)?;
        let got = ctx.run().arg("-w").arg(&dir).args(["--", "pwd"]).go()?;
        got.exits(0)?;
        ensure!(got.out == [dir.as_os_str().as_bytes(), b"\n"].concat(), "another directory{got}");
        Ok(())
    })
}

fn arguments(ctx: &Ctx) -> Outcome {
    let words: Vec<&OsStr> = NAMES.iter().map(|n| OsStr::from_bytes(n)).collect();
    let script = "printf '%s\\0' \"$@\"";
    let got = ctx.run().args(["--", "sh", "-c", script, "sh", ""]).args(&words).go()?;
    let mut want = vec![0];
    for word in words {
        want.extend_from_slice(word.as_bytes());
        want.push(0);
    }
    ensure!(got.out == want, "the arguments have changed{got}");
    // Options end at the program's name.
    ctx.run().args(["echo", "--ro", "-x", "--help"]).go()?.prints("--ro -x --help\n")?;
    Ok(())
}
