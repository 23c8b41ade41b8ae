//! The job script.

use std::path::Path;

use super::Settings;
use crate::error::{Error, Result};
use crate::runs::Experiment;

/// What the script says.
pub(super) struct Script<'a> {
    /// Name of the job.
    pub(super) name: &'a str,
    /// Folder for output, which holds the list of runs.
    pub(super) folder: &'a Path,
    /// The program, which the nodes have to see.
    pub(super) program: &'a Path,
    /// What is run, for threads and device.
    pub(super) experiment: &'a Experiment,
    /// How.
    pub(super) settings: &'a Settings,
}

/// Name of the list of runs, a folder a line, the first for element 0.
pub(super) const RUNS: &str = "runs.txt";

impl Script<'_> {
    /// The text of the script for these elements. Options of the user come last, so that they win.
    pub(super) fn text(&self, elements: &[usize]) -> Result<String> {
        let limit = self.settings.jobs.map_or_else(String::new, |n| format!("%{n}"));
        let mut options = vec![
            format!("--job-name={}", quoted_option(self.name)?),
            format!("--array={}{limit}", ranges(elements)),
            format!("--output={}", quoted_option(&format!("{}/%A_%a.log", escaped(self.folder)))?),
            "--open-mode=append".to_owned(),
            "--requeue".to_owned(),
        ];
        if let Some(threads) = self.experiment.threads {
            options.push(format!("--cpus-per-task={threads}"));
        }
        let asks_for_cards = self.settings.options.iter().any(|o| o.contains("--gres") || o.contains("--gpus"));
        if self.experiment.device.starts_with("cuda") && !asks_for_cards {
            options.push("--gres=gpu:1".to_owned());
        }
        self.settings.options.iter().try_for_each(|option| check_option(option))?;
        options.extend(self.settings.options.iter().cloned());
        let head = options.iter().map(|option| format!("#SBATCH {option}")).collect::<Vec<_>>().join("\n");
        let list = quoted(&self.folder.join(RUNS))?;
        let program = quoted(self.program)?;
        Ok(format!(
            "#!/bin/bash\n{head}\n\n\
             # Written by Memoscope. An element goes on with its run, however often it is started.\n\
             run=$(sed -n \"$((SLURM_ARRAY_TASK_ID + 1))p\" {list}) && [ -n \"$run\" ] || exit 1\n\
             exec {program} resume \"$run\"\n"
        ))
    }
}

/// Refuses what is no option of `sbatch` or would be more than one line of the script.
pub fn check_option(option: &str) -> Result<()> {
    if option.starts_with('-') && option.chars().all(|c| !c.is_control()) {
        return Ok(());
    }
    Err(Error::config(format!("--sbatch {option:?}: is no option of sbatch"))
        .hint("write it as --sbatch=--partition=gpu, one option each time"))
}

/// `0-3,7`: what `--array` takes; the elements ascend.
pub(super) fn ranges(elements: &[usize]) -> String {
    let mut ranges: Vec<[usize; 2]> = Vec::new();
    for element in elements {
        match ranges.last_mut() {
            Some([_, last]) if *last + 1 == *element => *last = *element,
            _ => ranges.push([*element, *element]),
        }
    }
    let text = |[first, last]: &[usize; 2]| if first == last { first.to_string() } else { format!("{first}-{last}") };
    ranges.iter().map(text).collect::<Vec<_>>().join(",")
}

/// A path for patterns, in which a percent sign means something.
fn escaped(path: &Path) -> String {
    path.to_string_lossy().replace('%', "%%")
}

/// A value of a directive; `sbatch` takes double quotes.
fn quoted_option(text: &str) -> Result<String> {
    if text.chars().any(|c| c.is_control() || c == '"') {
        return Err(Error::config(format!("{text:?} cannot stand in a job script")).hint("use a simpler path or name"));
    }
    Ok(format!("\"{text}\""))
}

/// A word for the shell.
fn quoted(path: &Path) -> Result<String> {
    let text = path.to_str().filter(|text| text.chars().all(|c| !c.is_control()));
    let text = text.ok_or_else(|| Error::config("the path cannot stand in a job script").at(path))?;
    Ok(format!("'{}'", text.replace('\'', "'\\''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_says_everything_and_quotes_what_it_has_to() {
        let settings = Settings { jobs: Some(2), options: vec!["--partition=long".to_owned()] };
        let experiment = Experiment { threads: Some(4), device: "cuda".to_owned(), ..Experiment::default() };
        let script = Script {
            name: "my try",
            folder: Path::new("/runs/it's 100%/slurm"),
            program: Path::new("/opt/memoscope"),
            experiment: &experiment,
            settings: &settings,
        };
        let text = script.text(&[0, 1, 2, 5]).unwrap();
        let expected = "#!/bin/bash\n\
            #SBATCH --job-name=\"my try\"\n\
            #SBATCH --array=0-2,5%2\n\
            #SBATCH --output=\"/runs/it's 100%%/slurm/%A_%a.log\"\n\
            #SBATCH --open-mode=append\n\
            #SBATCH --requeue\n\
            #SBATCH --cpus-per-task=4\n\
            #SBATCH --gres=gpu:1\n\
            #SBATCH --partition=long\n\n\
            # Written by Memoscope. An element goes on with its run, however often it is started.\n\
            run=$(sed -n \"$((SLURM_ARRAY_TASK_ID + 1))p\" '/runs/it'\\''s 100%/slurm/runs.txt') && [ -n \"$run\" ] || exit 1\n\
            exec '/opt/memoscope' resume \"$run\"\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn options_cannot_smuggle_lines() {
        assert!(check_option("--partition=gpu").is_ok() && check_option("-p gpu").is_ok());
        for bad in ["gpu", "", "--a\nrm -rf x"] {
            assert!(check_option(bad).is_err_and(|e| e.to_string().contains("no option of sbatch")), "{bad:?}");
        }
    }
}
