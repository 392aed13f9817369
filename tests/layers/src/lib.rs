//! Reads the imports of every crate of the workspace, and finds those that point up or go round.
//!
//! Sources are parsed, not searched. A path counts wherever it is written: in a `use`, a type, an expression or a macro's
//! arguments. It counts for the file that defines what it names, found through imports and re-exports, and for each file
//! that re-exports it on the way, unless that lies above the one that imports. Inline modules belong to their file. What is
//! compiled for tests only does not count: tests may import anything. Method calls name no file and don't count either.
//!
//! # The rules
//!
//! 1. **Siblings import one way.** Among the children of one file, each taken with all that lies beneath it, imports form
//!    no circle.
//! 2. **Parent and child: one calls, the other is named.** A file may always declare its children and hand on what they
//!    define (`pub use`, `pub(crate) use`): then they may use all that it defines. A file may own a type of a child, in a
//!    field or a signature, and a child may name the types of its parent: a part knows the whole that it is a part of, and
//!    methods of the whole may be written in a child's `impl`. But where a file owns a type of a child, neither this child
//!    nor a sibling that it imports takes a function, a constant or a macro from the file; and where a file calls a function
//!    of a child or takes a constant or macro from it, they name nothing of the file, not even a type.
//! 3. **Layers.** Where a crate declares an order of its modules ([`Order`]), a module imports only from those before it,
//!    and each module has its place in the order.
//! 4. **Packages.** A package depends on those of the workspace that it lies above and on no others, and goes without the
//!    packages and paths that it should not need ([`Boundary`]).
//!
//! # What to do about a failure
//!
//! It is one line: file, line, what is imported, why that is wrong, and the usual way out. What two files need goes into a
//! third below both. A function of a child that takes the parent's type is the parent's method, written in the child. The
//! tables are in `tests/layers.rs`; they have no exceptions.

mod module;

mod attributes;
mod paths;
mod source;

mod resolve;

mod edges;
mod package;

mod circle;
mod violation;

mod across;
mod within;

mod workspace;

pub use across::Boundary;
pub use violation::{Violation, ensure_none};
pub use within::Order;
pub use workspace::Workspace;

#[cfg(test)]
mod tests;
