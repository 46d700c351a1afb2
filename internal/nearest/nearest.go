// Package nearest turns a misspelt word into the known one that was most likely meant.
package nearest

import "strings"

// Word is the known word that was most likely meant; "" if none is like it.
func Word(word string, known []string) string {
	best, least := "", 3
	for _, k := range known {
		n := distance(word, k)
		if begins(word, k) || begins(k, word) {
			n = min(n, 1)
		}
		if n < least && n < len(k) && n <= 1+len(k)/4 {
			best, least = k, n
		}
	}
	return best
}

// begins tells whether a word was cut short or drawn out.
func begins(s, prefix string) bool {
	return len(prefix) >= 3 && len(s) <= 3*len(prefix) && strings.HasPrefix(s, prefix)
}

// distance counts the letters to insert, delete, replace or swap with their
// neighbour until a is b (optimal string alignment). Long words are far away.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, now := rows[(i+2)%3], rows[i%3], rows[(i+1)%3]
		now[0] = i
		for j := 1; j <= len(b); j++ {
			now[j] = min(last[j]+1, now[j-1]+1, last[j-1]+differ(a[i-1], b[j-1]))
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				now[j] = min(now[j], before[j-2]+1)
			}
		}
	}
	return rows[(len(a)+1)%3][len(b)]
}

func differ(a, b byte) int {
	if a == b {
		return 0
	}
	return 1
}
