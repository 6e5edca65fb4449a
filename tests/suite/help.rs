//! Snapshots of the help texts: what a person sees, changed only on purpose.

use crate::support::program;

fn help(arguments: &[&str]) -> String {
    let home = tempfile::tempdir().expect("a folder");
    let output = program(home.path())
        .args(arguments)
        .arg("--help")
        .env("COLUMNS", "100")
        .assert()
        .code(0)
        .get_output()
        .clone();
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn help_texts() {
    for arguments in [
        &[][..],
        &["train"],
        &["lr-find"],
        &["sweep"],
        &["sweep", "plan"],
        &["sweep", "run"],
        &["sweep", "submit"],
        &["evaluate"],
        &["predict"],
        &["report"],
        &["export"],
        &["completions"],
        &["man"],
        &["devices"],
        &["bench"],
        &["doctor"],
        &["runs"],
        &["runs", "prune"],
        &["data"],
        &["data", "fetch"],
        &["data", "show"],
        &["data", "suspects"],
        &["config"],
    ] {
        let name = match arguments {
            [] => "gpu-mnist".to_string(),
            arguments => arguments.join("-"),
        };
        insta::assert_snapshot!(name, help(arguments));
    }
}
