//! A world as it is built before Linux 6.6: layers on disk, gone with the world.

mod common;

use std::path::Path;
use std::sync::Arc;

use dwell_exec::{How, Options};
use dwell_plan::facts::Kernel;
use dwell_plan::plan::Plan;
use dwell_plan::{NamespaceSet, Text, lower};

#[test]
fn layers_on_disk() {
    let script = "mkdir -p /var/dwell-a/b && rm -r /var/dwell-a && mkdir /var/dwell-a && exec test -d /var/dwell-a";
    let plan = common::plan(NamespaceSet::DEFAULT, script);
    let mut facts = common::facts(&plan);
    facts.kernel = Kernel { major: 6, minor: 1 };
    let base = ["/tmp", "/var/tmp"].into_iter().find(|dir| {
        // ext4, xfs, btrfs: what an overlay takes as its upper filesystem.
        rustix::fs::statfs(*dir)
            .is_ok_and(|fs| [0xef53, 0x5846_5342, 0x9123_683e].contains(&fs.f_type))
    });
    let Some(base) = base else {
        println!("skipped: neither /tmp nor /var/tmp is on a disk");
        return;
    };
    let uid = rustix::process::geteuid().as_raw();
    let layer = format!("{base}/dwell-layer-{uid}-{}-0", std::process::id());
    facts.disk_layer = Some(Text::from(layer.as_str()));
    let program = lower(&plan, &facts).expect("a world");
    assert_eq!(program.disk_layer.as_ref().map(|p| p.as_path()), Some(Path::new(&layer)));
    let volatile = program.arena.windows(9).any(|text| text == b"volatile\0");
    assert!(volatile, "else the whole disk is written out when an overlay goes");
    match dwell_exec::run(&Arc::new(program), &Options::default()) {
        Ok(ended) => assert_eq!(ended.how, How::Exited(0)),
        Err(why) => println!("skipped: no world can be made here: {why}"),
    }
    assert!(!Path::new(&layer).exists(), "nothing is left");
    assert!(!Path::new("/var/dwell-a").exists(), "nothing reached the machine");
    // A limit could not be kept there, so it is refused.
    let limited = Plan { scratch: Some(1 << 20), ..plan };
    let refusal = lower(&limited, &facts).expect_err("refused");
    assert!(refusal.sentence.contains("cannot be limited"), "{refusal}");
}
