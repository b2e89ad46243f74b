//! `dwell ls`.

use crate::harness::{Ctx, Live, Outcome, cases, ensure, older_than, skip};

cases! {
    both: a_world, engines, every_namespace, mistakes;
    root: worlds_in_worlds, what_only_the_kernel_lists;
    user: what_is_closed;
}

fn ls(ctx: &Ctx, words: &[&str]) -> Outcome<String> {
    let got = ctx.host(&ctx.dwell).arg("ls").args(words).go()?;
    got.exits(0)?;
    Ok(got.out())
}

fn sleeper(ctx: &Ctx, options: &str, seconds: &str) -> Outcome<Live> {
    let mut live = ctx.world(options, &format!("echo; exec sleep {seconds}")).start()?;
    live.line()?;
    live.program("sleep")?;
    Ok(live)
}

/// A row has its name, its process, its owner, its maker, its walls.
fn a_world(ctx: &Ctx) -> Outcome {
    let name = format!("box{}", if ctx.is_root() { "r" } else { "u" });
    let live = sleeper(ctx, &format!("--hostname {name} --time-offset monotonic=5"), "97")?;
    let pid = live.program("sleep")?;
    let text = ls(ctx, &[])?;
    let row = text.lines().map(bare).find(|l| l.starts_with(&name)).unwrap_or_default();
    let words: Vec<&str> = row.split_whitespace().collect();
    let user = ctx.account.name.as_str();
    ensure!(words.get(1) == Some(&pid.to_string().as_str()), "{text}");
    ensure!(words.get(2) == Some(&user), "{text}");
    ensure!(row.contains(" dwell ") && row.contains(" sleep 97"), "{text}");
    ensure!(text.starts_with("NAME "), "{text}");
    let json = ls(ctx, &["--json"])?;
    let object = json.split("    {\n").find(|o| o.contains(&format!("\"name\": \"{name}\"")));
    let object = object.unwrap_or_default();
    for field in [
        format!("\"pid\": {pid},"),
        format!("\"hostname\": \"{name}\""),
        "\"madeBy\": \"dwell\"".to_owned(),
        format!("\"user\": \"{user}\""),
        "\"since\": 1".to_owned(),
    ] {
        ensure!(object.contains(&field), "{field}\n{object}");
    }
    drop(live);
    Ok(())
}

/// A row without the branches before it.
fn bare(row: &str) -> &str {
    row.trim_start_matches(|c: char| !c.is_ascii_alphabetic())
}

/// Other engines' worlds are there as well.
fn engines(ctx: &Ctx) -> Outcome {
    ctx.needs("bwrap")?;
    let words = [
        "--die-with-parent",
        "--ro-bind",
        "/",
        "/",
        "--unshare-all",
        "sh",
        "-c",
        "echo; exec sleep 98",
    ];
    let mut live = ctx.host("bwrap").args(words).start()?;
    live.line()?;
    let pid = live.program("sleep")?;
    let text = ls(ctx, &[])?;
    let row = text.lines().find(|l| l.contains(&format!(" {pid} "))).unwrap_or_default();
    ensure!(row.contains(" sleep 98"), "{text}");
    // An ordinary user cannot look at the process that bwrap leaves behind.
    ensure!(!ctx.is_root() || row.contains(" bubblewrap "), "{text}");
    Ok(())
}

fn worlds_in_worlds(ctx: &Ctx) -> Outcome {
    let script =
        "unshare --fork --kill-child --user --map-root-user --pid sh -c 'echo; exec sleep 96'";
    let mut live = ctx.world("--hostname outer", script).start()?;
    live.line()?;
    live.program("sleep")?;
    let text = ls(ctx, &[])?;
    let mut rows = text.lines().skip_while(|l| !bare(l).starts_with("outer "));
    let depth = |row: Option<&str>| row.and_then(|r| r.find(|c: char| c.is_ascii_alphabetic()));
    let outer = depth(rows.next());
    let inner = rows.next();
    ensure!(inner.is_some_and(|l| bare(l).starts_with("sleep ")) && depth(inner) > outer, "{text}");
    Ok(())
}

/// A namespace that a mount in somebody else's mount namespace keeps, and nothing else.
fn what_only_the_kernel_lists(ctx: &Ctx) -> Outcome {
    let script = "touch kept; unshare --uts sh -c 'readlink /proc/self/ns/uts; mount --bind /proc/self/ns/uts kept'; \
                  echo; exec sleep 94";
    let mut live = ctx.host("unshare").args(["--mount", "sh", "-c", script]).start()?;
    let link = live.line()?;
    live.line()?;
    let number: String = link.chars().filter(char::is_ascii_digit).collect();
    let listed = ls(ctx, &["--all"])?.contains(&number);
    if older_than(6, 19) {
        ensure!(!listed, "{number} was found; by what?");
        return skip("the kernel lists namespaces since Linux 6.19 (listns)");
    }
    ensure!(listed, "{number} is not listed");
    Ok(())
}

fn every_namespace(ctx: &Ctx) -> Outcome {
    let live = sleeper(ctx, "", "95")?;
    let pid = live.program("sleep")?;
    let link = std::fs::read_link(format!("/proc/{pid}/ns/uts"))?;
    let number: String = link.to_string_lossy().chars().filter(char::is_ascii_digit).collect();
    let text = ls(ctx, &["--all"])?;
    let row = text.lines().find(|l| l.contains(&number)).unwrap_or_default();
    ensure!(row.contains(" uts "), "{text}");
    let json = ls(ctx, &["-a", "--json"])?;
    ensure!(json.contains(&format!("\"id\": {number},\n      \"kind\": \"uts\"")), "{json}");
    Ok(())
}

/// The list is never short without a word.
fn what_is_closed(ctx: &Ctx) -> Outcome {
    let got = ctx.host(&ctx.dwell).arg("ls").go()?;
    got.exits(0)?.says("closed to you and not listed")?;
    let got = ctx.host(&ctx.dwell).args(["ls", "--json"]).go()?;
    got.has("\"complete\": false")?;
    Ok(())
}

fn mistakes(ctx: &Ctx) -> Outcome {
    let ask = |words: &[&str]| ctx.host(&ctx.dwell).arg("ls").args(words).go();
    ask(&["--frob"])?.refuses(125, "there is no option `--frob`")?;
    ask(&["web"])?.refuses(125, "`ls` takes no operand: 'web'")?;
    ask(&["--help"])?.exits(0)?.has("Usage: dwell ls")?;
    Ok(())
}
