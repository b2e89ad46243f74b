//! Bytes from elsewhere, for the parsers of all crates.
//!
//! Each crate has a table of [`Body`], with the feature `fuzzing` or in its tests. `cargo test` calls each
//! with some hundred inputs ([`bounded`]), libFuzzer (`fuzz/`) for as long as one likes. A body panics when
//! a property of its parser does not hold.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::facts::Facts;
use crate::plan::Plan;
use crate::program::Block;
use crate::seccomp::Profile;
use crate::{WorldPath, lower, render};

/// A parser under test.
#[derive(Clone, Copy, Debug)]
pub struct Body {
    /// What it is called in `fuzz/`.
    pub name: &'static str,
    /// Pieces that its inputs are made of, beside any bytes: words of the format and whole examples.
    pub words: &'static [&'static str],
    /// Parses the bytes, and looks at what came of it.
    pub run: fn(&[u8]),
}

/// How many inputs each body gets.
const CASES: u32 = 700;

/// The targets of libFuzzer.
const TARGETS: &str = include_str!("../../../fuzz/Cargo.toml");

/// Runs every body on inputs that are the same in every run.
///
/// # Panics
/// A property does not hold, or there is no target of that name.
pub fn bounded(bodies: &[Body]) {
    for body in bodies {
        assert!(TARGETS.contains(&format!("name = \"{}\"", body.name)), "{}", body.name);
        (body.run)(b"");
        for word in body.words {
            (body.run)(word.as_bytes());
        }
        let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
        let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let mut runner = TestRunner::new_with_rng(config, rng);
        let tried = runner.run(&input(body.words), |bytes| {
            (body.run)(&bytes);
            Ok(())
        });
        if let Err(why) = tried {
            panic!("{}: {why}", body.name);
        }
    }
}

/// Words with bytes between them, some of which are then others.
fn input(words: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let word = proptest::sample::select(words.to_vec());
    let piece = prop_oneof![
        6 => word.prop_map(|word| word.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..6),
        1 => any::<u64>().prop_map(|n| n.to_string().into_bytes()),
        1 => proptest::sample::select(b" \t\n\0:,/-=\\\"".to_vec()).prop_map(|b| vec![b]),
    ];
    let spoiled = proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..3);
    (proptest::collection::vec(piece, 0..24), spoiled).prop_map(|(pieces, spoiled)| {
        let mut bytes = pieces.concat();
        for (at, byte) in spoiled {
            let length = bytes.len();
            if let Some(place) = (length > 0).then(|| at.index(length)) {
                bytes[place] = byte;
            }
        }
        bytes
    })
}

/// The parsers of this crate.
pub const BODIES: &[Body] = &[
    Body {
        name: "interpreter",
        words: &["#!", "/bin/sh", "\x7fELF\x02\x01", "\0\0\0\0"],
        run: interpreter,
    },
    Body { name: "world_path", words: &["/", "..", ".", "a", "//", "usr"], run: world_path },
    Body { name: "plan_json", words: PLAN_WORDS, run: plan_json },
    Body { name: "seccomp_json", words: SECCOMP_WORDS, run: seccomp_json },
];

const PLAN_WORDS: &[&str] = &[
    r#"{"version":1,"command":{"argv":["true"]},"namespaces":{"own":["user","mount","pid"]}}"#,
    r#"{"version":1,"command":{"argv":["true"],"env":[{"name":"A","value":"1"}],"workdir":{"path":"/","required":true}},"#,
    r#""namespaces":{"own":["user","mount","net"],"join":[]},"#,
    r#""identity":{"user":{"ids":{"uid":7,"gid":7}},"users":"default","groups":"subids"},"#,
    r#""root":{"host":{"home":false}},"read_only":true,"scratch":18446744073709551615,"hostname":"h","#,
    r#""grants":[{"dest":"/a","what":{"tmpfs":{"size":1}},"origin":{"rule":"x"}}]}"#,
    r#""actions":[{"unshare":["user"]}]}"#,
    "{",
    "}",
    "[",
    "]",
    "\"",
    ",",
    ":",
    "null",
    "true",
    "-1",
    "1e9",
    "\"own\"",
    "\"user\"",
];

const SECCOMP_WORDS: &[&str] = &[
    r#"{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38,"syscalls":["#,
    r#"{"names":["read","write"],"action":"SCMP_ACT_ALLOW"}"#,
    r#"{"names":["clone"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":2114060288,"valueTwo":0,"op":"SCMP_CMP_MASKED_EQ"}],"excludes":{"caps":["CAP_SYS_ADMIN"]}}"#,
    "]}",
    ",",
    "{",
    "}",
    "null",
    r#""architectures":["SCMP_ARCH_X86_64"]"#,
    r#"{"defaultAction":"SCMP_ACT_ALLOW"}"#,
];

fn interpreter(bytes: &[u8]) {
    let Some(text) = render::interpreter(bytes) else { return };
    assert!(text.starts_with("interpreter ") || text.starts_with("ELF loader "), "{text}");
    // A byte that is no text becomes three.
    assert!(text.len() <= 3 * bytes.len() + 12, "{text}");
}

fn world_path(bytes: &[u8]) {
    let path = WorldPath::new(bytes, b"/");
    let text = path.as_bytes();
    assert_eq!(text.first(), Some(&b'/'));
    assert!(text.len() == 1 || !text.ends_with(b"/"));
    let parts: Vec<&[u8]> = text.split(|b| *b == b'/').skip(1).collect();
    let plain = |part: &&[u8]| !part.is_empty() && *part != b"." && *part != b"..";
    assert!(text.len() == 1 || parts.iter().all(plain), "{path}");
    assert_eq!(WorldPath::new(text, b"/"), path);
    assert!(path.parent().is_none_or(|parent| parent.contains(&path)));
}

fn plan_json(bytes: &[u8]) {
    let Ok(plan) = serde_json::from_slice::<Plan>(bytes) else { return };
    let text = serde_json::to_vec(&plan).expect("a Plan can be written");
    assert_eq!(serde_json::from_slice::<Plan>(&text).ok().as_ref(), Some(&plan));
    let Ok(program) = lower(&plan, &Facts::default()) else { return };
    for block in [&program.setup, &program.entry].into_iter().chain(&program.helpers) {
        sound(block, program.steps.len());
    }
}

/// Every op has its step, and every way leads to where the list goes on.
fn sound(block: &Block, steps: usize) {
    assert_eq!(block.ops.len(), block.steps.len());
    assert!(block.steps.iter().all(|step| (*step as usize) < steps));
    let end = u32::try_from(block.ops.len()).expect("a list of this length");
    for rescue in &block.rescues {
        assert!(rescue.from <= rescue.to && rescue.to <= end && rescue.then <= end, "{rescue:?}");
    }
}

fn seccomp_json(bytes: &[u8]) {
    let Ok(profile) = serde_json::from_slice::<Profile<'_>>(bytes) else { return };
    let text = serde_json::to_vec(&profile).expect("a profile can be written");
    let again = serde_json::from_slice::<Profile<'_>>(&text).expect("what was written");
    assert_eq!(again, profile);
}

#[cfg(test)]
mod tests {
    #[test]
    fn any_bytes() {
        super::bounded(super::BODIES);
    }
}
