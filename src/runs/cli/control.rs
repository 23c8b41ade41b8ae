//! Signals and terminal progress.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::data::hub;
use crate::error::{Error, Result};
use crate::runs::clock;
use crate::runs::estimate::bytes_text;
use crate::runs::host::Control;
use crate::runs::observer::{Observer, Progress};

/// A process that does one run: the first signal stops it gracefully, the second at once.
pub(super) fn control() -> Result<Control> {
    let stop = stop_flag()?;
    explain_cut_files()?;
    Ok(Control { stop, owns_process: true, observer: observer() })
}

/// Set by the first signal to stop; the second ends the process.
pub(super) fn stop_flag() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // The order matters: the first signal finds the flag unset, passes here and sets it below.
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stop)))
            .map_err(|e| Error::device(format!("signals cannot be received: {e}")))?;
    }
    Ok(stop)
}

/// Weights are mapped from the disk. When another program cuts such a file while it is read, the system ends this
/// process; what is kept is kept, but the user should know why.
#[cfg(unix)]
#[expect(unsafe_code, reason = "what a signal handler may do is little, and unsafe says so")]
fn explain_cut_files() -> Result<()> {
    use std::mem::ManuallyDrop;
    use std::os::fd::FromRawFd as _;
    const MESSAGE: &[u8] = b"error: a file was cut while it was read, most likely the weights of the model\n  hint: \
        restore the file; `memoscope resume` goes on with the run\n";
    // Every thread that reads the file comes here; one tells.
    static TOLD: AtomicBool = AtomicBool::new(false);
    let explain = || {
        if TOLD.swap(true, std::sync::atomic::Ordering::SeqCst) {
            signal_hook::low_level::exit(1);
        }
        // SAFETY: the descriptor of standard error is only lent: it is never closed here.
        let mut stderr = ManuallyDrop::new(unsafe { std::fs::File::from_raw_fd(2) });
        // Nobody is left to tell when standard error is closed.
        let _ = stderr.write_all(MESSAGE);
        signal_hook::low_level::exit(1);
    };
    // SAFETY: the handler writes to a descriptor and ends the process, which are both allowed inside a signal.
    let registered = unsafe { signal_hook::low_level::register(signal_hook::consts::SIGBUS, explain) };
    registered.map(|_| ()).map_err(|e| Error::device(format!("signals cannot be received: {e}")))
}

#[cfg(not(unix))]
fn explain_cut_files() -> Result<()> {
    Ok(())
}

/// Tells how far a download is: a line every few seconds, and one at the start of each file.
pub(super) fn download_watch() -> Box<dyn FnMut(&hub::Progress) -> bool + Send> {
    const EVERY: Duration = Duration::from_secs(3);
    let mut last: Option<(Instant, String)> = None;
    Box::new(move |progress| {
        let news = last.as_ref().is_none_or(|(at, file)| at.elapsed() >= EVERY || *file != progress.file);
        if news && progress.total > 0 {
            last = Some((Instant::now(), progress.file.clone()));
            let (done, total) = (bytes_text(progress.done), bytes_text(progress.total));
            to_stderr(&format!("downloading {}: {done} of {total}", progress.file));
        }
        true
    })
}

/// A bar on a terminal, a line every few seconds otherwise.
fn observer() -> Box<dyn Observer> {
    if std::io::stderr().is_terminal() { Box::new(Bar::new()) } else { Box::new(Lines::default()) }
}

struct Bar {
    bar: ProgressBar,
}

impl Bar {
    fn new() -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{msg} {wide_bar:.cyan/dim} {pos}/{len} {prefix}");
        Self { bar: bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())) }
    }
}

impl Observer for Bar {
    fn progress(&mut self, progress: &Progress) {
        self.bar.set_length(progress.total);
        self.bar.set_position(progress.done);
        self.bar.set_message(progress.stage.clone());
        self.bar.set_prefix(speed(progress));
        self.bar.tick();
    }

    fn message(&mut self, text: &str) {
        self.bar.suspend(|| to_stderr(text));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[derive(Default)]
struct Lines {
    last: Option<Instant>,
}

impl Observer for Lines {
    fn progress(&mut self, progress: &Progress) {
        const EVERY: Duration = Duration::from_secs(5);
        if self.last.is_some_and(|last| last.elapsed() < EVERY) {
            return;
        }
        // The first line comes after five seconds: short runs stay silent.
        if self.last.replace(Instant::now()).is_some() {
            to_stderr(&format!("{} {}/{} {}", progress.stage, progress.done, progress.total, speed(progress)));
        }
    }

    fn message(&mut self, text: &str) {
        to_stderr(text);
    }
}

/// "12.3/s, 2 min 05 s left".
fn speed(progress: &Progress) -> String {
    match (progress.rate, progress.eta_secs) {
        (Some(rate), Some(eta)) => format!("{rate:.1}/s, {} left", clock::duration(eta)),
        _ => String::new(),
    }
}

fn to_stderr(text: &str) {
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(std::io::stderr(), "{text}");
}
