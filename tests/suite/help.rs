//! Snapshots of the help texts: what a person sees, changed only on purpose.

use crate::support::program;

fn help(arguments: &[&str], columns: &str) -> String {
    let home = tempfile::tempdir().expect("a folder");
    let output = program(home.path())
        .args(arguments)
        .arg("--help")
        .env("COLUMNS", columns)
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
        &["sweep", "status"],
        &["sweep", "collect"],
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
        &["runs", "list"],
        &["runs", "prune"],
        &["data"],
        &["data", "list"],
        &["data", "verify"],
        &["data", "fetch"],
        &["data", "show"],
        &["data", "suspects"],
        &["config"],
    ] {
        let name = match arguments {
            [] => "gpu-mnist".to_string(),
            arguments => arguments.join("-"),
        };
        let narrow = help(arguments, "80");
        assert!(narrow.contains("\nFor example:\n"), "{name}: no example");
        for line in narrow.lines() {
            assert!(
                line.chars().count() <= 80,
                "{name}: over 80 columns: {line}"
            );
        }
        insta::assert_snapshot!(name, help(arguments, "100"));
    }
}
