//! Help, made from the table.

use super::{Category, Opt, RUN};

/// How much help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// `-h`: a line an option.
    Short,
    /// `--help`: everything.
    Long,
}

/// The commands and what they do.
pub(crate) const COMMANDS: [(&str, &str); 3] = [
    ("run", "Start a program in a world of its own"),
    ("doctor", "Tell which walls this machine can build, and why not"),
    ("help", "Print help for a command"),
];

/// Where the one-line helps start; longer options push theirs to the next line.
const COLUMN: usize = 32;

/// Help for `dwell` itself.
#[must_use]
pub fn overview(columns: usize) -> String {
    let mut page = Page::new(columns);
    page.paragraph(
        0,
        "dwell - walls for any program: its own processes, files, network, names and users, \
         without a daemon and without root",
    );
    page.line("\nUsage: dwell COMMAND [ARG...]\n\nCommands:");
    for (name, help) in COMMANDS {
        page.entry(&format!("  {name}"), help);
    }
    page.line("\nOptions:");
    page.entry("  -h, --help", "Print this help");
    page.entry("  -V, --version", "Print the version");
    page.line("\nExamples:");
    page.entry("  dwell run", "Your shell, behind walls");
    page.entry("  dwell run make", "A build that cannot reach home or network");
    page.entry("  dwell run --explain true", "What a world is, step by step");
    page.text
}

/// Help for `dwell run`.
#[must_use]
pub fn run_help(detail: Detail, columns: usize) -> String {
    let mut page = Page::new(columns);
    page.paragraph(0, "dwell run - start a program in a world of its own");
    page.line("\nUsage: dwell run [OPTIONS] [--] [PROGRAM [ARG...]]\n");
    page.paragraph(
        0,
        "Without PROGRAM your shell is started. Options end at the first word that is none. Files \
         are the machine's own, and changes to them are thrown away; the home directory is empty \
         but for the current directory; there is no network.",
    );
    if detail == Detail::Long {
        page.line("");
        page.paragraph(
            0,
            "The exit code is the program's, or 128+N when signal N ended it. dwell's own failures \
             exit with 125; 126 is a program that cannot be executed, 127 one that is not there. An \
             option that takes one value and is given twice has the later one.",
        );
    }
    for category in Category::ALL {
        page.heading(category.title());
        for option in RUN.iter().filter(|o| o.category == category) {
            match detail {
                Detail::Short => page.entry(&names(option), option.help),
                Detail::Long => page.full(option),
            }
        }
    }
    if detail == Detail::Short {
        page.line("\n`dwell run --help` says more about each option.");
    } else if page.text.ends_with("\n\n") {
        page.text.pop();
    }
    page.text
}

/// `  -w, --workdir DIR`.
fn names(option: &Opt) -> String {
    let mut text = match option.short {
        Some(short) => format!("  -{short}, --{}", option.name),
        None => format!("      --{}", option.name),
    };
    if let Some(value) = option.value {
        text.push(' ');
        text.push_str(value);
    }
    text
}

/// Text under construction, wrapped at a number of columns.
pub(crate) struct Page {
    pub(crate) text: String,
    columns: usize,
}

impl Page {
    pub(crate) fn new(columns: usize) -> Self {
        Page { text: String::with_capacity(4096), columns: columns.clamp(40, 100) }
    }

    pub(crate) fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// A heading after exactly one blank line.
    fn heading(&mut self, title: &str) {
        if !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
        self.line(&format!("{title}:"));
    }

    /// A name and its explanation beside it, or below it where there is no room.
    pub(crate) fn entry(&mut self, name: &str, help: &str) {
        let column = if self.columns < 2 * COLUMN { 10 } else { COLUMN };
        self.text.push_str(name);
        if name.len() + 2 > column {
            self.text.push('\n');
            self.wrap(0, column, help);
        } else {
            self.wrap(name.len(), column, help);
        }
    }

    /// An option with all its paragraphs.
    fn full(&mut self, option: &Opt) {
        self.line(&names(option));
        self.paragraph(10, option.help);
        for text in option.long {
            self.line("");
            self.paragraph(10, text);
        }
        self.line("");
    }

    fn paragraph(&mut self, indent: usize, text: &str) {
        self.wrap(0, indent, text);
    }

    /// Words of `text` from column `indent`; the cursor is at column `at` of the first line.
    pub(crate) fn wrap(&mut self, at: usize, indent: usize, text: &str) {
        let mut column = at;
        for word in text.split(' ') {
            if column > indent && column + 1 + word.len() > self.columns {
                self.text.push('\n');
                column = 0;
            }
            let blanks =
                if column < indent { indent - column } else { usize::from(column > indent) };
            self.text.extend(std::iter::repeat_n(' ', blanks));
            self.text.push_str(word);
            column += blanks + word.len();
        }
        self.text.push('\n');
    }
}
