//! `--explain`, `--plan`, `--from-plan`.

use crate::harness::{Ctx, Outcome, cases, ensure, older_than};

cases! {
    both: every_wall_is_explained, explained_and_run, refusal_is_not_explained, round_trip,
        round_trip_of_everything, plan_runs_nothing, plan_in_words, plan_is_the_whole,
        same_plan_twice, plan_from_a_file, from_directory, explained_from_plan;
}

fn every_wall_is_explained(ctx: &Ctx) -> Outcome {
    let got = ctx.world("--explain --unshare all", "true").go()?;
    got.exits(0)?.prints("")?;
    for kind in ["user", "mount", "pid", "net", "uts", "ipc", "cgroup", "time"] {
        got.says(&format!("own {kind} namespace (clone3, CLONE_NEW"))
            .or_else(|_| got.says(&format!("own {kind} namespace")))?;
    }
    let got = ctx.world("--explain --share net", "true").go()?;
    got.says("net namespace shared with the machine")?;
    Ok(())
}

fn explained_and_run(ctx: &Ctx) -> Outcome {
    let got = ctx.world("--explain --ro /etc:/x", "echo ran; exit 3").go()?;
    got.exits(3)?.prints("ran\n")?.says("Walls:")?.says("Files:")?;
    Ok(())
}

fn refusal_is_not_explained(ctx: &Ctx) -> Outcome {
    let got = ctx.world("--explain --ro /nope", "echo ran").go()?;
    got.exits(125)?.prints("")?.says("dwell: cannot bind /nope")?;
    Ok(())
}

fn round_trip(ctx: &Ctx) -> Outcome {
    let run =
        ctx.run().args(["--plan", "json", "--", "sh", "-c", "echo ran in $(hostname); exit 4"]);
    let plan = run.output()?;
    let got = ctx.run().args(["--from-plan", "-"]).input(plan).go()?;
    got.exits(4)?.prints("ran in dwell\n")?;
    Ok(())
}

const EVERYTHING: &str = "--ro /etc:/x/etc --tmpfs /t:1M --hide /srv --cow /opt --rw . --hostname box --unshare \
                          all --time-offset boot=100 --ulimit nofile=99 --timeout 1h --cap-drop kill -e A=b -r \
                          --pty never -w /etc";

fn round_trip_of_everything(ctx: &Ctx) -> Outcome {
    let script = "hostname; ls -d /x/etc /t; echo $A; ulimit -n; id -u; pwd";
    // Before Linux 6.6 layers lie on disk, and a limit for them is refused.
    let scratch = if older_than(6, 6) { "" } else { "--scratch 10M" };
    let everything = format!("{EVERYTHING} {scratch}");
    let direct = ctx.world(&everything, script).output()?;
    let plan = ctx.world(&format!("{everything} --plan json"), script).output()?;
    let again = ctx.run().args(["--from-plan", "-"]).input(plan.clone()).output()?;
    ensure!(direct == again, "directly:\n{direct}by its plan:\n{again}");
    let printed =
        ctx.run().args(["--from-plan", "-", "--plan", "json"]).input(plan.clone()).output()?;
    ensure!(printed == plan, "the plan has changed on its way");
    Ok(())
}

fn plan_runs_nothing(ctx: &Ctx) -> Outcome {
    for form in ["json", "text"] {
        let got = ctx.world(&format!("--plan {form} --rw ."), "touch ran").go()?;
        got.exits(0)?.silent()?;
        ensure!(!ctx.path("ran").exists(), "it was run");
    }
    Ok(())
}

fn plan_in_words(ctx: &Ctx) -> Outcome {
    let got = ctx.world("--plan text --ro /etc:/x --net host --timeout 5", "true").go()?;
    got.exits(0)?.has("program ")?.has("--ro /etc:/x")?.has("shared ")?.has("net")?;
    Ok(())
}

fn plan_is_the_whole(ctx: &Ctx) -> Outcome {
    let plan = ctx.run().args(["--plan", "json", "true"]).output()?;
    ctx.file("plan", &plan)?;
    for more in [&["--ro", "/etc"][..], &["--net", "host"], &["echo"], &["-r"]] {
        let got = ctx.run().args(["--from-plan", "plan"]).args(more).go()?;
        got.refuses(125, "`--from-plan plan`")?;
    }
    Ok(())
}

fn same_plan_twice(ctx: &Ctx) -> Outcome {
    let plan = || ctx.world("--plan json --ro /etc:/x -e A=b", "true").output();
    ensure!(plan()? == plan()?, "two plans of the same words differ");
    Ok(())
}

fn plan_from_a_file(ctx: &Ctx) -> Outcome {
    let plan = ctx.world("--plan json", "echo ran").output()?;
    ctx.file("plan.json", &plan)?;
    ctx.run().args(["--from-plan", "plan.json"]).go()?.exits(0)?.prints("ran\n")?;
    // It names absolute places: it can be run from anywhere.
    let run = ctx.run().arg("--from-plan").arg(ctx.path("plan.json")).cwd("/");
    run.go()?.exits(0)?.prints("ran\n")?;
    let old = plan.replace("\"version\": 1", "\"version\": 99");
    ctx.run().args(["--from-plan", "-"]).input(old).go()?.refuses(125, "cannot use the plan")?;
    ctx.run().args(["--from-plan", "/nope"]).go()?.refuses(125, "cannot read the plan /nope")?;
    Ok(())
}

fn from_directory(ctx: &Ctx) -> Outcome {
    ctx.dir("root")?;
    let got = ctx.world("--plan text --from root", "true").go()?;
    got.exits(0)?.has("root")?;
    Ok(())
}

fn explained_from_plan(ctx: &Ctx) -> Outcome {
    let plan = ctx.world("--plan json", "echo ran").output()?;
    let got = ctx.run().args(["--from-plan", "-", "--explain"]).input(plan).go()?;
    got.exits(0)?.prints("ran\n")?.says("Walls:")?;
    Ok(())
}
