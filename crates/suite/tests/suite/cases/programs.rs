//! Real programs.

use std::fs;

use crate::harness::{Ctx, Outcome, cases, ensure};

cases! {
    both: http_server, compile, make_in_parallel, git, git_kept, sqlite, tar, shells, perl, find_and_xargs,
        temporary_files, background_pipeline, ssh_keygen;
    root: package_tools;
}

fn http_server(ctx: &Ctx) -> Outcome {
    ctx.needs("python3")?;
    ctx.file("hello.txt", "hello from inside\n")?;
    let script = "python3 -m http.server --bind 127.0.0.1 8000 >log 2>&1 & for i in $(seq 100); do python3 -c \
                  \"import urllib.request as r; print(r.urlopen('http://127.0.0.1:8000/hello.txt').read().decode(), \
                  end='')\" 2>/dev/null && exit 0; sleep 0.1; done; cat log; exit 1";
    ctx.world("", script).go()?.exits(0)?.prints("hello from inside\n")?;
    Ok(())
}

fn compile(ctx: &Ctx) -> Outcome {
    ctx.needs("gcc")?;
    ctx.needs("make")?;
    ctx.file(
        "a.c",
        "#include <stdio.h>\nint b(void);\nint main(void){printf(\"%d\\n\", b());return 0;}\n",
    )?;
    ctx.file("b.c", "int b(void){return 42;}\n")?;
    ctx.file("Makefile", "prog: a.o b.o\n\tgcc -o $@ $^\n%.o: %.c\n\tgcc -O2 -c -o $@ $<\n")?;
    let got = ctx.world("", "make -s -j2 && ./prog").limit(90).go()?;
    got.exits(0)?.prints("42\n")?;
    ensure!(!ctx.path("prog").exists() && !ctx.path("a.o").exists(), "a file came out");
    let got = ctx.world("--rw .", "make -s && ./prog").limit(90).go()?;
    got.exits(0)?.prints("42\n")?;
    ctx.host("./prog").go()?.exits(0)?.prints("42\n")?;
    Ok(())
}

fn make_in_parallel(ctx: &Ctx) -> Outcome {
    ctx.needs("make")?;
    ctx.file(
        "Makefile",
        "ALL := $(addprefix t,$(shell seq 1000))\nall: $(ALL)\n\t@cat $(ALL) | wc -l\nt%:\n\t@sleep 0.1; echo $* >$@\n",
    )?;
    let got = ctx.world("", "make -s -j1000").limit(120).go()?;
    got.exits(0)?.prints("1000\n")?;
    ensure!(!ctx.path("t1").exists(), "a file came out");
    Ok(())
}

const COMMIT: &str = "git -c user.name=n -c user.email=e@x";

fn git(ctx: &Ctx) -> Outcome {
    ctx.needs("git")?;
    let script = format!(
        "git init -q . && echo x >f && git add f && {COMMIT} commit -qm first && git log --format=%s && git status --short"
    );
    ctx.world("", &script).go()?.exits(0)?.prints("first\n")?;
    ensure!(!ctx.path(".git").exists(), "a file came out");
    Ok(())
}

/// A checkout of the machine's, changed in the world and then for good.
fn git_kept(ctx: &Ctx) -> Outcome {
    ctx.needs("git")?;
    let script = format!("git init -q . && echo x >f && git add f && {COMMIT} commit -qm first");
    ctx.shell(&script).go()?.exits(0)?;
    let change =
        format!("echo y >f && {COMMIT} commit -qam second && git gc -q && git log --format=%s");
    ctx.world("", &change).go()?.exits(0)?.prints("second\nfirst\n")?;
    ctx.shell("git log --format=%s; git status --short; git fsck")
        .go()?
        .exits(0)?
        .prints("first\n")?;
    ctx.world("--rw .", &change).go()?.exits(0)?;
    ctx.shell("git log --format=%s; git status --short").go()?.prints("second\nfirst\n")?;
    Ok(())
}

fn sqlite(ctx: &Ctx) -> Outcome {
    ctx.needs("sqlite3")?;
    ctx.shell("sqlite3 db 'pragma journal_mode=wal; create table t(n); insert into t values(1)'")
        .go()?
        .exits(0)?;
    let script = "for i in $(seq 20); do sqlite3 -cmd '.timeout 20000' db \"insert into t values($i)\" & done; wait; \
                  sqlite3 db 'select count(*) from t; pragma integrity_check'";
    let got = ctx.world("", script).go()?;
    got.exits(0)?.prints("21\nok\n")?;
    let outside = ctx.host("sqlite3").args(["db", "select count(*) from t"]).output()?;
    ensure!(outside == "1\n", "the machine's database holds {outside}");
    ctx.world("--rw .", script).go()?.exits(0)?.prints("21\nok\n")?;
    let outside = ctx.host("sqlite3").args(["db", "select count(*) from t"]).output()?;
    ensure!(outside == "21\n", "the machine's database holds {outside}");
    Ok(())
}

fn tar(ctx: &Ctx) -> Outcome {
    for n in 0..50 {
        ctx.file(format!("src/d{}/f{n}", n % 5), format!("{n}\n"))?;
    }
    let script = "tar cf a.tar src && rm -r src && tar xf a.tar && find src -type f | wc -l && cp -a src copy && diff -r src copy";
    ctx.world("", script).go()?.exits(0)?.prints("50\n")?;
    ensure!(fs::read_dir(ctx.path("src"))?.count() == 5, "the machine's files have changed");
    Ok(())
}

fn shells(ctx: &Ctx) -> Outcome {
    for shell in ["bash", "dash", "sh"] {
        if ctx.needs(shell).is_ok() {
            let script = "x=$(echo a | cat); (exit 3) || echo $? $x; cat <<E\nhere\nE";
            ctx.run().args(["--", shell, "-c", script]).go()?.exits(0)?.prints("3 a\nhere\n")?;
        }
    }
    let script = "echo <(true) | grep -c /dev/fd; diff <(echo a) <(echo a) && echo same";
    ctx.run().args(["--", "bash", "-c", script]).go()?.prints("1\nsame\n")?;
    Ok(())
}

fn perl(ctx: &Ctx) -> Outcome {
    ctx.needs("perl")?;
    let script = "my $p = fork; if (!$p) { exit 5 } waitpid $p, 0; print $? >> 8, ' ', (getpwuid($<))[0], qq(\\n)";
    ctx.run()
        .args(["--", "perl", "-e", script])
        .go()?
        .exits(0)?
        .prints(&format!("5 {}\n", ctx.account.name))?;
    Ok(())
}

fn find_and_xargs(ctx: &Ctx) -> Outcome {
    let script = "find /usr/bin /etc -xdev 2>/dev/null | sort | md5sum";
    let outside = ctx
        .shell("find /usr/bin -xdev -print0 | xargs -0 stat -c '%n %s %Y' | sort | md5sum")
        .output()?;
    let got = ctx
        .world("", "find /usr/bin -xdev -print0 | xargs -0 stat -c '%n %s %Y' | sort | md5sum")
        .go()?;
    got.exits(0)?.prints(&outside)?;
    ctx.world("", script).go()?.exits(0)?;
    Ok(())
}

fn temporary_files(ctx: &Ctx) -> Outcome {
    let script = "f=$(mktemp) && d=$(mktemp -d) && echo x >$f && mv $f $d/ && ls $d | wc -l; mktemp -p /var/tmp >/dev/null && echo ok";
    ctx.world("", script).go()?.exits(0)?.prints("1\nok\n")?;
    Ok(())
}

fn background_pipeline(ctx: &Ctx) -> Outcome {
    let script = "seq 1 100000 | sort -rn | head -1; seq 5 | tac | paste -sd, ; wait";
    ctx.world("", script).go()?.exits(0)?.prints("100000\n5,4,3,2,1\n")?;
    Ok(())
}

fn ssh_keygen(ctx: &Ctx) -> Outcome {
    ctx.needs("ssh-keygen")?;
    let script = "mkdir -p ~/.ssh && ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id && ls ~/.ssh";
    ctx.world("", script).go()?.exits(0)?.prints("id\nid.pub\n")?;
    Ok(())
}

/// Package tools work on the copy of the machine's database.
fn package_tools(ctx: &Ctx) -> Outcome {
    ctx.needs("dpkg")?;
    ctx.needs("dpkg-deb")?;
    ctx.file("p/DEBIAN/control", "Package: dwell-suite-probe\nVersion: 1\nArchitecture: all\nMaintainer: x <x@x>\nDescription: x\n")?;
    ctx.file("p/opt/dwell-suite-probe", "x")?;
    let script = "dpkg-deb --build p p.deb >/dev/null && dpkg -i p.deb >/dev/null && dpkg -s dwell-suite-probe | \
                  grep -c 'install ok installed' && ls /opt/dwell-suite-probe && dpkg -r dwell-suite-probe >/dev/null && \
                  groupadd newgroup && getent group newgroup | cut -d: -f1 && ldconfig";
    let before = fs::read("/var/lib/dpkg/status")?;
    let got = ctx.world("", script).go()?;
    got.exits(0)?.prints("1\n/opt/dwell-suite-probe\nnewgroup\n")?;
    ensure!(fs::read("/var/lib/dpkg/status")? == before, "the machine's package list has changed");
    Ok(())
}
