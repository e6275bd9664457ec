//! What earlier deployments measured.

use resource_graph::Latencies;

/// Durations of operations, kept between runs. Losing them costs nothing but a less apt order.
pub trait LatencyStore: Send + Sync {
    /// What is known; nothing when nothing can be read.
    fn load(&self) -> Latencies;

    /// Keeps what is known; a failure is passed over.
    fn save(&self, latencies: &Latencies);
}
