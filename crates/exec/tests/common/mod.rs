//! A world that runs a shell script.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::sync::Arc;

use dwell_exec::{How, Options};
use dwell_plan::facts::Facts;
use dwell_plan::plan::{Command, Namespaces, Plan, Workdir};
use dwell_plan::{NamespaceSet, Text, WorldPath, lower};

pub(crate) fn plan(own: NamespaceSet, script: &str) -> Plan {
    let command = Command {
        argv: ["/bin/sh", "-c", script].map(Text::from).to_vec(),
        env: Vec::new(),
        workdir: Some(Workdir { path: WorldPath::root(), required: false }),
    };
    Plan::new(command, Namespaces { own, join: Vec::new() })
}

pub(crate) fn facts(plan: &Plan) -> Facts {
    dwell_probe::facts(plan).expect("the facts of this machine")
}

pub(crate) fn exit_code(own: NamespaceSet, options: Options, script: &str) -> Result<How, String> {
    let plan = plan(own, script);
    let program = lower(&plan, &facts(&plan)).map_err(|e| e.to_string())?;
    dwell_exec::run(&Arc::new(program), &options).map(|ended| ended.how).map_err(|e| e.to_string())
}
