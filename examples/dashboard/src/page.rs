//! The page, drawn by Leptos.

mod live;
mod parts;

use leptos::prelude::document;

/// Shows the page in place of what stands there while it loads.
pub fn mount() {
    if let Some(loading) = document().get_element_by_id("loading") {
        loading.remove();
    }
    leptos::mount::mount_to_body(parts::whole);
}
