//! The tokens by which the poll tells of commands: two for each, by its id, of which no other has the same.

use mio::Token;

use crate::engine::CommandId;

/// Tokens from here on are those of commands: two for each, by its id.
const FIRST_COMMAND: usize = usize::MAX / 2;
/// Tokens from here on have other meanings.
const LAST_COMMAND: usize = usize::MAX - 16;

/// The tokens of a command: of its control channel and its output.
#[derive(Debug, Clone, Copy)]
pub struct Tokens {
    pub control: Token,
    pub output: Token,
}

impl Tokens {
    pub fn of(id: CommandId) -> Self {
        let place = FIRST_COMMAND + 2 * id.0 as usize;
        Self { control: Token(place), output: Token(place + 1) }
    }
}

/// The command of a token, and whether it is its output.
pub fn command_of(token: Token) -> Option<(CommandId, bool)> {
    let place = token.0.checked_sub(FIRST_COMMAND).filter(|_| token.0 < LAST_COMMAND)?;
    Some((CommandId((place / 2) as u64), place % 2 == 1))
}

/// Whether a token is that of the output of a command.
pub fn is_output(token: Token) -> bool {
    command_of(token).is_some_and(|(_, is_output)| is_output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_token_is_of_one_command() {
        let id = CommandId(7);
        let Tokens { control, output } = Tokens::of(id);
        assert_eq!((command_of(control), command_of(output)), (Some((id, false)), Some((id, true))));
        assert!(is_output(output) && !is_output(control));
        for other in [0, 4711, FIRST_COMMAND - 1, usize::MAX, usize::MAX - 1] {
            assert_eq!(command_of(Token(other)), None);
        }
    }
}
