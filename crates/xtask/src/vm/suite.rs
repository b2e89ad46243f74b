//! The workspace's tests in the guest: which executables, as whom.

use std::path::Path;

use anyhow::{Result, bail};

use super::rootfs::{quoted_word, sources};
use super::share::{ENVIRONMENT, Share};
use crate::build::build;

/// Crates whose tests ask the kernel something.
const CRATES: [&str; 7] = ["cgroup", "cli", "exec", "guide", "probe", "suite", "sys"];
/// The account of tests that need an ordinary user.
const USER: &str = "dwelltest";

/// What `--suite` and `--user` say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    /// `all`, crates, or parts of names of the suite's cases.
    pub(super) what: Vec<String>,
    /// Parts of names of cases that are left out.
    pub(super) without: Vec<String>,
    /// None: both of them.
    pub(super) user: Option<String>,
    /// How many times longer than usual the tests shall wait for what has to happen.
    pub(super) pace: u32,
    /// In seconds: what has not begun by then is skipped.
    pub(super) budget: Option<u64>,
}

impl Choice {
    fn takes(&self, package: &str) -> bool {
        let named = |what: &String| what == package || (what == "all" && CRATES.contains(&package));
        self.what.iter().any(named) || (package == "suite" && self.cases().next().is_some())
    }

    /// What the suite is told to choose.
    fn cases(&self) -> impl Iterator<Item = &str> {
        let whole = self.what.iter().any(|what| ["all", "suite"].contains(&what.as_str()));
        let words = self.what.iter().map(String::as_str);
        words.filter(move |what| !whole && !CRATES.contains(what))
    }

    fn script(&self, executables: &[String]) -> String {
        let users = self.user.clone().unwrap_or_else(|| format!("root {USER}"));
        let executables = executables.join(" ");
        let mut words = vec![users.as_str(), executables.as_str()];
        words.extend(self.cases());
        words.extend(self.without.iter().flat_map(|text| ["--skip", text.as_str()]));
        let words: Vec<String> = words.into_iter().map(quoted_word).collect();
        let pace = self.pace;
        let until =
            self.budget.map(|s| format!("export DWELL_TEST_UNTIL=$(($(date +%s) + {s}))\n"));
        let until = until.unwrap_or_default();
        let again = std::env::var("DWELL_TEST_AGAIN").is_ok_and(|told| told == "1");
        let again = if again { "export DWELL_TEST_AGAIN=1\n" } else { "" };
        format!(
            "{ENVIRONMENT}export DWELL_TEST_PACE={pace}\n{until}{again}exec bash /t/tests.sh {}\n",
            words.join(" ")
        )
    }
}

/// Builds the tests and puts those that are chosen into what the guest gets, and the script.
pub(super) fn share(choice: &Choice, share: &Share) -> Result<()> {
    let mut executables = Vec::new();
    for built in build(&["test", "--workspace", "--no-run"])? {
        if built.is_test && choice.takes(&built.package) {
            let name = format!("{}-{}", built.package, built.target);
            share.program("tests", &name, &built.file)?;
            executables.push(name);
        }
    }
    if executables.is_empty() {
        bail!("no test executable fits {:?}", choice.what);
    }
    executables.sort();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    share.tree(&root.join("docs"), "docs")?;
    share.tree(&sources().join("tests"), "tests.sh")?;
    share.script(&choice.script(&executables))
}

/// The tests for a machine whose root is its initramfs: one script, for busybox.
pub(super) fn share_for_initramfs(share: &Share) -> Result<()> {
    share.tree(&sources().join("initramfs/tests"), "tests.sh")?;
    share.script(&format!("{ENVIRONMENT}exec sh /t/tests.sh\n"))
}

#[cfg(test)]
mod tests {
    use super::Choice;

    fn choice(what: &[&str]) -> Choice {
        Choice {
            what: what.iter().map(|w| (*w).to_owned()).collect(),
            without: Vec::new(),
            user: None,
            pace: 4,
            budget: None,
        }
    }

    #[test]
    fn a_text_chooses_cases_of_the_suite() {
        let chosen = choice(&["mounts::"]);
        assert!(chosen.takes("suite") && !chosen.takes("guide"));
        let script = chosen.script(&["suite-suite".to_owned()]);
        assert!(
            script.ends_with("tests.sh 'root dwelltest' 'suite-suite' 'mounts::'\n"),
            "{script}"
        );
    }

    #[test]
    fn all_leaves_out_what_asks_the_kernel_nothing() {
        let all = choice(&["all"]);
        assert!(all.takes("suite") && all.takes("cgroup") && !all.takes("plan"));
        let script = Choice { user: Some("root".to_owned()), ..all }.script(&["a".to_owned()]);
        assert!(script.ends_with("tests.sh 'root' 'a'\n"), "{script}");
        let less = Choice { without: vec!["x::".to_owned()], ..choice(&["all"]) };
        let script = less.script(&["a".to_owned()]);
        assert!(script.ends_with("tests.sh 'root dwelltest' 'a' '--skip' 'x::'\n"), "{script}");
    }
    #[test]
    fn crates_and_cases_together() {
        let chosen = choice(&["cgroup", "limits::", "walls::"]);
        assert!(chosen.takes("suite") && chosen.takes("cgroup") && !chosen.takes("exec"));
        assert_eq!(chosen.cases().collect::<Vec<_>>(), ["limits::", "walls::"]);
        assert_eq!(choice(&["suite", "limits::"]).cases().count(), 0);
        assert!(!choice(&["cgroup"]).takes("suite"));
    }
}
