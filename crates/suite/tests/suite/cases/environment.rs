//! The program's variables.

use crate::harness::{Ctx, Outcome, cases, ensure};

cases! {
    both: exact_list, locale_and_terminal, one_variable, file_of_variables, all_variables,
        the_later_one_wins, bad_names, follows_the_user, odd_values;
}

/// What `env` prints inside.
fn inside(ctx: &Ctx, options: &str, extra: &[(&str, &str)]) -> Outcome<Vec<String>> {
    let mut run = ctx.run().args(options.split_whitespace()).args(["--", "/usr/bin/env"]);
    for (name, value) in extra {
        run = run.env(name, value);
    }
    let mut lines: Vec<String> = run.output()?.lines().map(str::to_owned).collect();
    lines.sort();
    Ok(lines)
}

fn exact_list(ctx: &Ctx) -> Outcome {
    let extra = [("SSH_AUTH_SOCK", "/x"), ("AWS_SECRET_ACCESS_KEY", "k"), ("LD_PRELOAD", "")];
    let lines = inside(ctx, "", &extra)?;
    let names: Vec<_> = lines.iter().filter_map(|l| l.split('=').next()).collect();
    let want = ["HOME", "LANG", "LOGNAME", "PATH", "PWD", "SHELL", "TERM", "USER"];
    ensure!(names == want, "{lines:?}");
    let home = format!("HOME={}", ctx.account.home.display());
    ensure!(lines.contains(&home), "{home} is not in {lines:?}");
    Ok(())
}

fn locale_and_terminal(ctx: &Ctx) -> Outcome {
    let extra = [("LC_TIME", "C"), ("LC_ALL", "C"), ("COLORTERM", "truecolor"), ("TZ", "UTC")];
    let lines = inside(ctx, "", &extra)?;
    for (name, value) in extra {
        ensure!(lines.contains(&format!("{name}={value}")), "{name} is not in {lines:?}");
    }
    Ok(())
}

fn one_variable(ctx: &Ctx) -> Outcome {
    let lines = inside(ctx, "-e A=b -e C -e UNSET --env=D=e=f -eG=", &[("C", "c"), ("X", "x")])?;
    for want in ["A=b", "C=c", "D=e=f", "G="] {
        ensure!(lines.iter().any(|l| l == want), "{want} is not in {lines:?}");
    }
    ensure!(!lines.iter().any(|l| l.starts_with("UNSET") || l.starts_with("X=")), "{lines:?}");
    Ok(())
}

fn file_of_variables(ctx: &Ctx) -> Outcome {
    ctx.file("vars", "# comment\n\nA=1\nB= two \"words\" # no comment\nC\n")?;
    let lines = inside(ctx, "--env-file vars", &[("C", "c")])?;
    for want in ["A=1", "B= two \"words\" # no comment", "C=c"] {
        ensure!(lines.iter().any(|l| l == want), "{want:?} is not in {lines:?}");
    }
    let got = ctx.world("--env-file nope", "true").go()?;
    got.refuses(125, "cannot read ")?.says("nope: No such file or directory")?;
    ctx.file("bad", "A=1\n=x\n")?;
    ctx.world("--env-file bad", "true")
        .go()?
        .refuses(125, "cannot use `--env-file bad`: line 2")?;
    Ok(())
}

fn all_variables(ctx: &Ctx) -> Outcome {
    let lines = inside(ctx, "--env-all", &[("A", "1"), ("HOME", "/elsewhere")])?;
    ensure!(lines.iter().any(|l| l == "A=1"), "{lines:?}");
    ensure!(lines.iter().any(|l| l.starts_with("DWELL=")), "{lines:?}");
    let lines = inside(ctx, "--env-all --root", &[("USER", "me")])?;
    ensure!(!lines.iter().any(|l| l == "USER=me") || !ctx.is_root(), "{lines:?}");
    Ok(())
}

fn the_later_one_wins(ctx: &Ctx) -> Outcome {
    ctx.file("vars", "A=file\n")?;
    for (options, want) in [
        ("-e A=1 -e A=2", "A=2"),
        ("-e A=1 --env-file vars", "A=file"),
        ("--env-file vars -e A=1", "A=1"),
        ("-e A=1 --env-all", "A=outside"),
        ("--env-all -e A=1", "A=1"),
        ("-e PATH=/usr/bin", "PATH=/usr/bin"),
        ("-e HOME=/x", "HOME=/x"),
    ] {
        let lines = inside(ctx, options, &[("A", "outside")])?;
        ensure!(lines.iter().any(|l| l == want), "{options}: {want} is not in {lines:?}");
    }
    Ok(())
}

fn bad_names(ctx: &Ctx) -> Outcome {
    ctx.run().args(["-e", "=x", "true"]).go()?.refuses(125, "cannot use `")?;
    ctx.run().args(["-e", "", "true"]).go()?.exits(125)?.says("dwell: ")?;
    Ok(())
}

fn follows_the_user(ctx: &Ctx) -> Outcome {
    let lines = inside(ctx, "--user root", &[])?;
    let want = if ctx.is_root() { "HOME=/root" } else { "USER=root" };
    ensure!(lines.iter().any(|l| l == want), "{want} is not in {lines:?}");
    ensure!(lines.iter().any(|l| l == "LOGNAME=root"), "{lines:?}");
    Ok(())
}

fn odd_values(ctx: &Ctx) -> Outcome {
    let value = "a b\n\t'\"$(x)\u{1b}é";
    let run = ctx.run().args(["-e", &format!("A={value}"), "--", "printenv", "A"]);
    run.go()?.exits(0)?.prints(&format!("{value}\n"))?;
    let long = "x".repeat(100_000);
    let run = ctx.run().args(["-e", &format!("A={long}"), "--", "printenv", "A"]);
    run.go()?.exits(0)?.prints(&format!("{long}\n"))?;
    Ok(())
}
