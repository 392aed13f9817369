//! Who may publish and subscribe: decisions, without HTTP. Only [`TokenFile`] reads a file.

mod authorizer;
mod grant;
mod token_file;
mod tokens;

pub use authorizer::{Asked, Authorizer, Authorizing, Denial, Operation};
pub use grant::Grant;
pub(crate) use token_file::{TokenFile, WATCH};
pub use tokens::{Issued, NewToken, Token, TokenError, Tokens};
