//! Who the program is.

use crate::harness::{Ctx, Outcome, cases, ensure, skip};

cases! {
    both: by_number, by_name, root_flag, maps_alone, capabilities, supplementary_groups,
        setuid_gives_nothing, bad_users, not_mapped;
    root: range_of_ids, another_user;
    user: subordinate_ids, own_id_only;
}

fn by_number(ctx: &Ctx) -> Outcome {
    let (uid, gid) = if ctx.is_root() { (7, 8) } else { (0, 0) };
    let got = ctx.world(&format!("--user {uid}:{gid}"), "id -u; id -g").go()?;
    got.exits(0)?.prints(&format!("{uid}\n{gid}\n"))?;
    ctx.world("-u 0", "id -u").go()?.prints("0\n")?;
    Ok(())
}

fn by_name(ctx: &Ctx) -> Outcome {
    ctx.world("-u root", "id -un").go()?.prints("root\n")?;
    let got = ctx.world("-u no-such-user", "true").go()?;
    got.refuses(125, "cannot use `-u no-such-user`")?;
    Ok(())
}

fn root_flag(ctx: &Ctx) -> Outcome {
    let got = ctx.world("-r", "id -u; touch f; stat -c %U f; echo $HOME").go()?;
    got.prints(&format!("0\nroot\n{}\n", ctx.account.home.display()))?;
    ctx.world("-r -u 5", "true").go()?.exits(125)?.says("exclude each other")?;
    Ok(())
}

fn maps_alone(ctx: &Ctx) -> Outcome {
    let own = (ctx.account.uid, ctx.account.gid);
    let options = format!("--map-users 5:{}:1 --map-groups 6:{}:1 -u 5:6", own.0, own.1);
    let got = ctx.world(&options, "id -u; id -g; cat /proc/self/uid_map").go()?;
    got.exits(0)?.has("5\n6\n")?;
    let words: Vec<_> = got.out().split_whitespace().skip(2).map(str::to_owned).collect();
    ensure!(words.first().is_some_and(|w| w == "5"), "the map is another{got}");
    for bad in ["1:2", "a:b:c", "0:0:0", "4294967295:0:2"] {
        let got = ctx.world(&format!("--map-users {bad}"), "true").go()?;
        got.exits(125)?.says("dwell: ")?.says(bad)?;
    }
    Ok(())
}

fn capabilities(ctx: &Ctx) -> Outcome {
    let get = "sed -n 's/^Cap\\(Eff\\|Bnd\\):\\t//p' /proc/self/status";
    let eff = |options: &str| -> Outcome<u64> {
        let out = ctx.world(options, "sed -n 's/^CapEff:\\t//p' /proc/self/status").output()?;
        Ok(u64::from_str_radix(out.trim(), 16).unwrap_or(u64::MAX))
    };
    ensure!(eff("-r --cap-drop all")? == 0, "--cap-drop all leaves some");
    ensure!(eff("-r --cap-drop all --cap-add chown")? == 1, "chown alone was expected");
    ensure!(eff("-r --cap-drop all --cap-add CAP_KILL,chown")? == 0b10_0001, "kill and chown");
    let default = eff("-r")?;
    ensure!(default & (1 << 21) == 0, "sys_admin is there by default: {default:x}");
    ensure!(eff("-r --cap-add sys_admin")? == default | (1 << 21), "sys_admin was not added");
    ensure!(eff("-r --cap-drop chown")? == default & !1, "chown was not dropped");
    if !ctx.is_root() {
        ensure!(eff("")? == 0, "an ordinary user's program has capabilities");
    }
    ctx.world("--cap-add nonsense", get).go()?.refuses(125, "cannot use `--cap-add nonsense`")?;
    Ok(())
}

/// Groups of the caller's that are not mapped must not open files, nor vanish without a word.
fn supplementary_groups(ctx: &Ctx) -> Outcome {
    let got = ctx.world("--user 0:0", "id -G").go()?;
    got.exits(0)?.prints("0\n").or_else(|_| got.has("65534"))?;
    Ok(())
}

fn setuid_gives_nothing(ctx: &Ctx) -> Outcome {
    let su = ["/usr/bin/su", "/bin/su", "/usr/bin/passwd"];
    let Some(su) = su.into_iter().find(|p| std::path::Path::new(p).exists()) else {
        return skip("no set-user-ID program");
    };
    let got =
        ctx.world("--cap-drop all", &format!("{su} --version >/dev/null 2>&1; id -u")).go()?;
    got.prints(&format!("{}\n", ctx.account.uid))?;
    Ok(())
}

fn bad_users(ctx: &Ctx) -> Outcome {
    for bad in ["", "1:", ":1", "1:2:3", "-1", "4294967295"] {
        let got = ctx.run().arg(format!("--user={bad}")).arg("true").go()?;
        got.exits(125)?.says("dwell: ")?;
    }
    Ok(())
}

fn not_mapped(ctx: &Ctx) -> Outcome {
    let own = (ctx.account.uid, ctx.account.gid);
    let options = format!("--map-users 0:{}:1 --map-groups 0:{}:1 -u 5:5", own.0, own.1);
    let got = ctx.world(&options, "id -u").go()?;
    got.refuses(125, "the program's uid 5 is not in the map")?.says("hint: ")?;
    Ok(())
}

fn range_of_ids(ctx: &Ctx) -> Outcome {
    let options = "--map-users 0:100000:65536 --map-groups 0:100000:65536 -r";
    let got =
        ctx.world(options, "cat /proc/self/uid_map; id -u; touch /tmp/f; chown 7:7 /tmp/f").go()?;
    got.exits(0)?.has("100000")?.has("65536")?;
    Ok(())
}

fn another_user(ctx: &Ctx) -> Outcome {
    let got = ctx.world("-u nobody", "id -un; cat /etc/shadow; touch /etc/x").go()?;
    got.exits(1)?.prints("nobody\n")?;
    Ok(())
}

fn subordinate_ids(ctx: &Ctx) -> Outcome {
    ctx.needs("newuidmap")?;
    let name = &ctx.account.name;
    let subuid = std::fs::read_to_string("/etc/subuid").unwrap_or_default();
    if !subuid.lines().any(|l| l.starts_with(&format!("{name}:"))) {
        let got = ctx.world("--map-users auto --map-groups auto", "true").go()?;
        got.refuses(125, "cannot map subordinate ids")?.says("hint: ")?;
        return skip(format!("{name} has no subordinate ids"));
    }
    let options = "--map-users auto --map-groups auto -r";
    let script =
        "wc -l </proc/self/uid_map; id -u; touch /tmp/f && chown 7:7 /tmp/f && stat -c %u /tmp/f";
    let got = ctx.world(options, script).go()?;
    got.exits(0)?.has("0\n7\n")?;
    Ok(())
}

fn own_id_only(ctx: &Ctx) -> Outcome {
    let got = ctx.world("-r", "touch /tmp/f && chown 7:7 /tmp/f").go()?;
    got.exits(1)?.says("Invalid argument")?;
    let got = ctx.world("--map-users 0:0:1 --map-groups 0:0:1 -r", "id").go()?;
    got.exits(125)?.says("dwell: ")?;
    Ok(())
}
