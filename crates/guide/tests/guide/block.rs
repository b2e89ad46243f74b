//! The blocks of the guide.

/// A command and what it is to say.
#[derive(Debug, Default)]
pub(crate) struct Command {
    pub(crate) text: String,
    pub(crate) expected: Vec<String>,
}

/// A shell session.
#[derive(Debug, Default)]
pub(crate) struct Block {
    /// The heading it stands under and the line it begins at.
    pub(crate) name: String,
    pub(crate) for_root: bool,
    pub(crate) commands: Vec<Command>,
}

/// Every block between a line that begins with "```console" and the next with "```".
pub(crate) fn all(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut heading = String::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if let Some(title) = line.strip_prefix("## ") {
            heading = title.to_lowercase().replace(' ', "-");
        }
        if line.trim_end() != "```console" {
            continue;
        }
        let mut block = Block { name: format!("{heading}:{}", number + 2), ..Block::default() };
        for (_, line) in lines.by_ref().take_while(|(_, line)| !line.starts_with("```")) {
            block.add(line);
        }
        blocks.push(block);
    }
    blocks
}

impl Block {
    fn add(&mut self, line: &str) {
        let command = line.strip_prefix("$ ").or_else(|| line.strip_prefix("# "));
        if let Some(text) = command {
            self.for_root |= line.starts_with('#');
            self.commands.push(Command { text: text.to_owned(), expected: Vec::new() });
            return;
        }
        let Some(last) = self.commands.last_mut() else { return };
        match line.strip_prefix("> ") {
            Some(more) if last.expected.is_empty() => {
                last.text.push('\n');
                last.text.push_str(more);
            }
            _ => last.expected.push(line.to_owned()),
        }
    }

    /// All words of all commands.
    pub(crate) fn words(&self) -> impl Iterator<Item = &str> {
        let between = |c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c));
        self.commands.iter().flat_map(move |command| command.text.split(between))
    }
}
