package session

// HeadSize says when a head that has not all come is looked at again.
var HeadSize = headSize
