//! `gpu-mnist completions`: what a shell must read to complete this program's command line.

use clap::Args;
use clap_complete::Shell;

use super::completion::script;
use crate::terminal::print;

/// Flags of `completions`.
#[derive(Args, Debug)]
#[command(after_help = "\
For example:
  bash        echo 'source <(gpu-mnist completions bash)' >> ~/.bashrc
  zsh         echo 'source <(gpu-mnist completions zsh)' >> ~/.zshrc
  fish        echo 'gpu-mnist completions fish | source' >> ~/.config/fish/config.fish
  powershell  gpu-mnist completions powershell | Out-String | Invoke-Expression
  elvish      eval (gpu-mnist completions elvish | slurp)")]
pub struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// # Errors
/// When stdout is closed.
pub fn run(args: &CompletionsArgs) -> anyhow::Result<()> {
    let script = script(&args.shell.to_string(), &program())?;
    print(&String::from_utf8_lossy(&script))
}

/// Found through PATH where it was started so, else by its place.
fn program() -> String {
    let started = std::env::args_os().next().unwrap_or_default();
    let by_path = std::path::Path::new(&started).components().count() > 1;
    match std::env::current_exe() {
        Ok(place) if by_path => place.to_string_lossy().into_owned(),
        _ => env!("CARGO_PKG_NAME").into(),
    }
}
