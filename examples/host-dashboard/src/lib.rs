//! host-dashboard
