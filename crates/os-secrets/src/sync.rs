//! Locks, and values that threads share.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

/// Locks a mutex, also one whose holder panicked. Use it only if no holder leaves the value half changed when it
/// panics.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One value per key, shared by all who hold it. It is dropped with its last holder.
pub struct SharedByKey<K, V>(Mutex<BTreeMap<K, Weak<V>>>);

impl<K: Ord, V> SharedByKey<K, V> {
    /// An empty map.
    pub const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// The value of a key. Makes one if nobody holds it.
    pub fn get(&self, key: K, make: impl FnOnce() -> V) -> Arc<V> {
        let mut values = lock(&self.0);
        values.retain(|_, value| value.strong_count() > 0);
        values.get(&key).and_then(Weak::upgrade).unwrap_or_else(|| {
            let value = Arc::new(make());
            values.insert(key, Arc::downgrade(&value));
            value
        })
    }
}

impl<K: Ord, V> Default for SharedByKey<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_shared_for_as_long_as_it_is_held() {
        let values = SharedByKey::<&str, u32>::new();
        let one = values.get("a", || 1);
        assert_eq!((*values.get("a", || 2), *values.get("b", || 3)), (1, 3));
        drop(one);
        assert_eq!(*values.get("a", || 4), 4);
        assert_eq!(values.0.lock().unwrap().len(), 1);
    }
}
