// Package access decides who may connect to the example broker and what they
// may do there, from two files: users with their passwords, and rules about
// topics.
//
// In both files, white space around a line does not count, and neither do empty
// lines and lines that begin with "#". A comment takes a line of its own.
//
// # Users
//
// A line for each user, which [HashPassword] makes:
//
//	alice:$pbkdf2-sha512$i=210000$<salt>$<hash>
//	bob:!$pbkdf2-sha512$i=210000$<salt>$<hash>
//
// That is the name, a colon, and PBKDF2 with HMAC-SHA-512 as PHC strings have
// it: the iterations, then the salt and the hash in base64 without padding. A
// "!" before it locks the user out. A line can be written in one way only.
//
// A user name is of printable characters, at most [MaxName] bytes long. It has
// no colon, does not begin with "#", and begins and ends with no space.
//
// # Rules
//
// As in the acl_file of mosquitto:
//
//	topic read public/#
//	pattern readwrite home/%u/#
//	user alice
//	topic write public/#
//	topic deny public/secret/#
//
// "user NAME" begins the rules of a user; a second section of the same user
// adds to the first. "topic [read|write|readwrite|deny] FILTER" is a rule, for
// everyone where no user line comes before it, the anonymous too. "pattern" is
// the same, and always for everyone, wherever it stands. Without one of the four words
// a rule is readwrite; the filter begins after them and may contain spaces.
//
// What no rule allows is denied, and deny wins over all that allow, wherever it
// stands:
//
//   - To publish to a topic, a will included, takes a write rule that matches
//     the topic and no deny rule that does.
//   - To be sent a message, live, retained or queued, takes a read rule and no
//     deny rule, in the same way.
//   - To subscribe to a filter takes one read rule that matches all that the
//     filter can match, and no deny rule that matches any of it. So "#" takes
//     the rule "topic read #" and no deny rule, save for topics that begin with
//     "$".
//
// A Shared Subscription is judged by the filter behind its ShareName. As
// everywhere, a filter that begins with a wildcard does not match a topic that
// begins with "$": $SYS/# takes a rule of its own [MQTT-4.7.2-1].
//
// # Names in rules
//
// In any rule, %u stands for the user name and %c for the Client Identifier, as
// a level or as part of one. No level has two of them: where user "a" is client
// "b-c", and user "a-b" is client "c", "%u-%c" would be the same. What a client
// is called is its own choice, so protect with %u what is not for everyone.
//
// A name does not fit a rule that needs it if it is empty, as the user name of
// the anonymous is, is longer than [MaxName] bytes, contains "/", "+" or "#",
// or begins with "$" where the topic would. A rule that allows then matches
// nothing. One that denies then denies more: all from that level on, and from
// the first level on everything. So no name gives anybody more than the file
// says.
//
// # Differences from mosquitto
//
// There, rules before the first user are for the anonymous only, %u and %c mean
// something in patterns only, and every subscription is granted: what it may
// not have is left out in silence.
package access
