//! `get --clip`: copies a secret to the clipboard. The hidden command `clear-clipboard` clears it.

use crate::{
    clipboard::{
        Clipboard,
        clearing::{ClearingProcess, wait_and_clear},
    },
    context::Context,
    failure::Failure,
    output::is_plain_text,
};
use os_secrets::{credential::Secret, file};

/// After how many seconds the clipboard is cleared. This is time to change to another window and paste, and short enough
/// that the value is not there any more when something else is pasted.
const SECONDS: u32 = 45;

pub fn copy_to_clipboard(
    context: &Context,
    label: &str,
    value: &Secret,
    clear_after: Option<u32>,
) -> Result<(), Failure> {
    if !is_plain_text(value.expose()) {
        return Err(Failure::Refused(
            "the value is not text, which the clipboard needs. Write it to a file with -o".into(),
        ));
    }
    let clipboard = Clipboard::find().map_err(|reason| Failure::Refused(reason.into()))?;
    // A terminal does not say what its clipboard has. So only the user can say that it may be cleared in any case.
    let seconds = match clear_after {
        None if !clipboard.can_be_read() => 0,
        seconds => seconds.unwrap_or(SECONDS),
    };
    let fail = |error| Failure::Failed(file::failure("Cannot use", "the clipboard".as_ref(), error));
    // First, so that nothing is copied that would not be cleared.
    let clearing = match seconds {
        0 => None,
        _ => {
            let words = context.hosted.then_some(context.word_count);
            Some(ClearingProcess::start(clipboard, seconds, words).map_err(fail)?)
        }
    };
    clipboard.copy(value).map_err(fail)?;
    clearing.map_or(Ok(()), |clearing| clearing.begin(value)).map_err(fail)?;
    context.note(&match (seconds, clipboard.can_be_read()) {
        (0, true) => format!("{label} is in the clipboard, and stays there"),
        (0, false) => format!(
            "{label} was sent to the terminal's clipboard. It is not cleared, because the terminal does not say what it \
             holds; --clear-after SECONDS clears it in any case"
        ),
        (_, true) => format!("{label} is in the clipboard for {seconds} s"),
        (_, false) => format!("{label} was sent to the terminal's clipboard, which is cleared in {seconds} s"),
    });
    Ok(())
}

/// Waits, and clears the clipboard if it still has the value that standard input gives.
pub fn clear_clipboard(clipboard: &str, seconds: u32) -> Result<(), Failure> {
    let clipboard = Clipboard::parse(clipboard).ok_or_else(|| Failure::Usage("unknown clipboard".into()))?;
    wait_and_clear(clipboard, seconds)
        .map_err(|error| Failure::Failed(file::failure("Cannot clear", "the clipboard".as_ref(), error)))
}
