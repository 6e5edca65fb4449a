//! `gpu-mnist man`: manual pages in roff.

use std::path::PathBuf;

use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;

use crate::cli::Cli;
use crate::config::did_you_mean;
use crate::exit::UsageError;
use crate::files::write_atomically;
use crate::runs::folder::RunFolderError;
use crate::terminal::print;

/// Flags of `man`.
#[derive(Args, Debug)]
#[command(after_help = "\
For example:
  gpu-mnist man train | man -l -
  gpu-mnist man --out ~/.local/share/man/man1")]
pub struct ManArgs {
    /// The command whose page to print, such as train or data fetch; without one, the program's
    #[arg(value_name = "COMMAND", conflicts_with = "out")]
    command: Vec<String>,
    /// Write the pages of all commands into this folder instead
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// # Errors
/// An unknown command, or a folder that cannot be written.
pub fn run(args: &ManArgs) -> anyhow::Result<()> {
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    let Some(folder) = &args.out else {
        let mut command = &root;
        for name in &args.command {
            command = command.find_subcommand(name).ok_or_else(|| {
                let names = command.get_subcommands().map(Command::get_name);
                let names: Vec<String> = names.map(String::from).collect();
                UsageError(match names.is_empty() {
                    true => format!(
                        "man: {0} has no commands of its own; `gpu-mnist man {0}` prints its page",
                        command.get_name()
                    ),
                    false => format!(
                        "man: no command '{name}'{}; there are {}",
                        did_you_mean(name, &names),
                        names.join(", ")
                    ),
                })
            })?;
        }
        return print(&String::from_utf8_lossy(&page(command)?.1));
    };
    let failed = |source| RunFolderError::Write {
        path: folder.clone(),
        source,
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut pages = Vec::new();
    collect(&root, &mut pages)?;
    for (name, text) in &pages {
        write_atomically(&folder.join(name), text).map_err(failed)?;
    }
    print(&format!("{} pages in {}\n", pages.len(), folder.display()))
}

fn collect(command: &Command, pages: &mut Vec<(String, Vec<u8>)>) -> std::io::Result<()> {
    pages.push(page(command)?);
    for inner in command
        .get_subcommands()
        .filter(|inner| !inner.is_hide_set())
    {
        collect(inner, pages)?;
    }
    Ok(())
}

/// File name and text.
fn page(command: &Command) -> std::io::Result<(String, Vec<u8>)> {
    let source = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone()).source(source);
    let mut text = Vec::new();
    man.render(&mut text)?;
    Ok((man.get_filename(), text))
}
