//! Other people's servers, encoders, parsers and clients, in one program.

mod axum_sse;
mod eventsource_stream;
mod reqwest_eventsource;
mod warp_sse;
