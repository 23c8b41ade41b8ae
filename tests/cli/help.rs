//! The complete help as a text that is reviewed when it changes.

use std::fmt::Write as _;
use std::path::Path;

use memoscope::runs::cli;

use super::memoscope;

#[test]
fn the_complete_help_is_as_reviewed() {
    let mut command = cli::command().term_width(100);
    let mut text = command.render_long_help().to_string();
    for verb in command.get_subcommands_mut() {
        let help = verb.clone().term_width(100).render_long_help();
        write!(text, "\n──── memoscope {}\n\n{help}", verb.get_name()).unwrap();
    }
    let text: String = text.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots/cli.txt");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let reviewed = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    let differs = text.lines().zip(reviewed.lines()).find(|(new, old)| new != old);
    assert!(text == reviewed, "the help changed; run with UPDATE=1 and review the difference: {differs:?}");
}

#[test]
fn help_and_version_are_results() {
    let (code, out, err) = memoscope(&["--help"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("memorization-score") && out.contains("Exit codes: 0 done"), "{out}");
    let (code, out, _) = memoscope(&["--version"]);
    assert_eq!((code, out.trim()), (0, concat!("memoscope ", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn every_field_of_every_method_is_in_its_help() {
    for method in memoscope::methods::registry() {
        let (code, out, _) = memoscope(&[method.card().id, "--help"]);
        assert_eq!(code, 0);
        for field in method.fields() {
            let option = format!("--{}", field.path.replace('_', "-"));
            assert!(out.contains(&option), "{}: {option}", method.card().id);
        }
    }
}
