//! A running libseccomp.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use dwell_bpf::seccomp::{Abi, Call, Instruction};
use serde_json::{Value, json};

/// The ABIs in the words of the OCI specification.
pub(crate) const ABIS: [(&str, Abi); 6] = [
    ("SCMP_ARCH_X86_64", Abi::X86_64),
    ("SCMP_ARCH_X32", Abi::X32),
    ("SCMP_ARCH_X86", Abi::X86),
    ("SCMP_ARCH_AARCH64", Abi::Aarch64),
    ("SCMP_ARCH_ARM", Abi::Arm),
    ("SCMP_ARCH_RISCV64", Abi::Riscv64),
];

pub(crate) fn word(abi: Abi) -> &'static str {
    ABIS.iter().find(|(_, known)| *known == abi).expect("every ABI has a word").0
}

pub(crate) struct Library {
    process: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// What the library made of a profile.
pub(crate) struct Compiled {
    pub(crate) code: Vec<Instruction>,
    /// The largest number that a rule names.
    pub(crate) largest: BTreeMap<String, i64>,
}

impl Library {
    /// None, with a word about it, where there is no such library.
    pub(crate) fn start() -> Option<Library> {
        let script = include_str!("libseccomp.py");
        let child = Command::new("python3")
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut process) = child else {
            eprintln!("skipped: there is no python3");
            return None;
        };
        let requests = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().expect("it is a pipe"));
        let mut library = Library { process, requests, answers };
        if library.try_ask(&json!({"names": []})).is_none() {
            let status = library.process.wait().expect("it has ended");
            assert_eq!(status.code(), Some(77), "the script failed");
            eprintln!("skipped: libseccomp.so.2 is not installed");
            return None;
        }
        Some(library)
    }

    fn try_ask(&mut self, request: &Value) -> Option<Value> {
        let mut line = request.to_string();
        line.push('\n');
        self.requests.as_mut()?.write_all(line.as_bytes()).ok()?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer).ok()?;
        serde_json::from_str(&answer).ok()
    }

    fn ask(&mut self, request: &Value) -> Value {
        self.try_ask(request).expect("an answer of the script")
    }

    /// For each name of the table its numbers, negative where the library has none.
    pub(crate) fn numbers(&mut self) -> BTreeMap<String, Vec<(Abi, i64)>> {
        let names: Vec<&str> = Call::all().map(Call::name).collect();
        let answer = self.ask(&json!({ "names": names }));
        let object = answer.as_object().expect("an object");
        let each = |numbers: &Value| {
            ABIS.iter().map(|(word, abi)| (*abi, numbers[word].as_i64().unwrap_or(-1))).collect()
        };
        object.iter().map(|(name, numbers)| (name.clone(), each(numbers))).collect()
    }

    pub(crate) fn compile(&mut self, profile: &Value, arches: &[&str]) -> Result<Compiled, String> {
        let answer = self.ask(&json!({"profile": profile, "arches": arches}));
        if let Some(error) = answer["error"].as_str() {
            return Err(error.to_owned());
        }
        let code: Vec<(u16, u8, u8, u32)> =
            serde_json::from_value(answer["code"].clone()).expect("code");
        let code =
            code.into_iter().map(|(code, jt, jf, k)| Instruction { code, jt, jf, k }).collect();
        let largest = serde_json::from_value(answer["largest"].clone()).expect("numbers");
        Ok(Compiled { code, largest })
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        self.requests = None;
        let _ = self.process.wait();
    }
}
