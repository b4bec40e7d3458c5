//! The clipboard: copying a value to it, and clearing it later.
//!
//! | file | what it holds |
//! |---|---|
//! | this one | which clipboard there is |
//! | `tools.rs` | the programs that reach it on Linux and macOS |
//! | `osc52.rs` | the terminal's clipboard, which also works over SSH |
//! | `windows.rs` | Windows' functions |
//! | `clearing.rs` | the process that clears it |

use std::{env, io};

use os_secrets::credential::Secret;
use tools::Tool;

pub mod clearing;
mod osc52;
mod tools;
#[cfg(windows)]
#[allow(unsafe_code)]
mod windows;

/// A clipboard.
#[derive(Clone, Copy)]
pub enum Clipboard {
    /// The one that a program reaches.
    Tool(&'static Tool),
    /// The one of the terminal, which may be on another machine. It cannot be read.
    Terminal,
    /// Windows'.
    #[cfg(windows)]
    Windows,
}

/// The words of the clipboards that are no program's.
const TERMINAL: &str = "terminal";
#[cfg(windows)]
const WINDOWS: &str = "windows";

/// Why there is no clipboard.
const NONE: &str = "no clipboard was found. Install wl-clipboard (Wayland), xclip or xsel (X11), which need a display \
                    (WAYLAND_DISPLAY or DISPLAY), or use a terminal that supports OSC 52";

impl Clipboard {
    /// The clipboard of the user. Over SSH it is the terminal's, unless the display is forwarded.
    ///
    /// # Errors
    ///
    /// A message that says why there is none.
    pub fn find() -> Result<Self, &'static str> {
        let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_remote = is_set("SSH_CONNECTION") || is_set("SSH_TTY");
        #[cfg(windows)]
        if !is_remote {
            return Ok(Self::Windows);
        }
        if let Some(tool) = tools::find(is_set, is_remote) {
            return Ok(Self::Tool(tool));
        }
        if osc52::is_supported() { Ok(Self::Terminal) } else { Err(NONE) }
    }

    /// The clipboard with this word on the command line.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            TERMINAL => Some(Self::Terminal),
            #[cfg(windows)]
            WINDOWS => Some(Self::Windows),
            _ => tools::parse(word).map(Self::Tool),
        }
    }

    /// The word that [`parse`](Self::parse) takes.
    pub fn word(self) -> &'static str {
        match self {
            Self::Tool(tool) => tool.copy[0],
            Self::Terminal => TERMINAL,
            #[cfg(windows)]
            Self::Windows => WINDOWS,
        }
    }

    /// Whether the clipboard can be read, so that it is cleared only if it still has the value.
    pub fn can_be_read(self) -> bool {
        !matches!(self, Self::Terminal)
    }

    /// Copies a value, which must be text without NUL.
    ///
    /// # Errors
    ///
    /// The program or the terminal failed.
    pub fn copy(self, value: &Secret) -> io::Result<()> {
        match self {
            Self::Tool(tool) => tool.copy(value),
            Self::Terminal => osc52::copy(value),
            #[cfg(windows)]
            Self::Windows => windows::copy(value),
        }
    }

    /// Whether the clipboard has exactly this value.
    fn holds(self, value: &Secret) -> bool {
        match self {
            Self::Tool(tool) => tool.read().is_ok_and(|held| held == *value),
            Self::Terminal => false,
            #[cfg(windows)]
            Self::Windows => windows::read().is_ok_and(|held| held == *value),
        }
    }

    fn clear(self) -> io::Result<()> {
        match self {
            Self::Tool(tool) => tool.clear(),
            Self::Terminal => osc52::clear(&io::stdout()),
            #[cfg(windows)]
            Self::Windows => windows::clear(),
        }
    }
}
