// Package topicmatch knows topics: which Topic Names and Topic Filters are
// valid, which names a filter matches, who has subscribed to a name, and which
// stored names a filter asks for (3.1.1 §4.7, 5.0 §4.7 and §4.8.2).
//
// Functions take strings and byte slices alike and allocate nothing.
package topicmatch
