package e2ee

import (
	"fmt"
	"strings"
)

// Emoji is one of the seven pictures that two people compare, and its name.
type Emoji struct{ Picture, Name string }

// emojis are those of Matrix 1.18, "SAS method: emoji", in their order.
var emojis = [64]Emoji{
	{"🐶", "Dog"}, {"🐱", "Cat"}, {"🦁", "Lion"}, {"🐎", "Horse"}, {"🦄", "Unicorn"}, {"🐷", "Pig"}, {"🐘", "Elephant"}, {"🐰", "Rabbit"},
	{"🐼", "Panda"}, {"🐓", "Rooster"}, {"🐧", "Penguin"}, {"🐢", "Turtle"}, {"🐟", "Fish"}, {"🐙", "Octopus"}, {"🦋", "Butterfly"}, {"🌷", "Flower"},
	{"🌳", "Tree"}, {"🌵", "Cactus"}, {"🍄", "Mushroom"}, {"🌏", "Globe"}, {"🌙", "Moon"}, {"☁️", "Cloud"}, {"🔥", "Fire"}, {"🍌", "Banana"},
	{"🍎", "Apple"}, {"🍓", "Strawberry"}, {"🌽", "Corn"}, {"🍕", "Pizza"}, {"🎂", "Cake"}, {"❤️", "Heart"}, {"😀", "Smiley"}, {"🤖", "Robot"},
	{"🎩", "Hat"}, {"👓", "Glasses"}, {"🔧", "Spanner"}, {"🎅", "Santa"}, {"👍", "Thumbs Up"}, {"☂️", "Umbrella"}, {"⌛", "Hourglass"}, {"⏰", "Clock"},
	{"🎁", "Gift"}, {"💡", "Light Bulb"}, {"📕", "Book"}, {"✏️", "Pencil"}, {"📎", "Paperclip"}, {"✂️", "Scissors"}, {"🔒", "Lock"}, {"🔑", "Key"},
	{"🔨", "Hammer"}, {"☎️", "Telephone"}, {"🏁", "Flag"}, {"🚂", "Train"}, {"🚲", "Bicycle"}, {"✈️", "Aeroplane"}, {"🚀", "Rocket"}, {"🏆", "Trophy"},
	{"⚽", "Ball"}, {"🎸", "Guitar"}, {"🎺", "Trumpet"}, {"🔔", "Bell"}, {"⚓", "Anchor"}, {"🎧", "Headphones"}, {"📁", "Folder"}, {"📌", "Pin"},
}

// Short is what both sides show, and two people compare: it is the same on
// both if nobody sits in between.
type Short struct {
	Emoji    [7]Emoji
	Decimals [3]int // the same for clients that show no pictures, 1000 to 9191
}

// shortOf reads the six bytes that both sides have calculated (Matrix 1.18,
// "SAS method: emoji", "SAS method: decimal").
func shortOf(b [6]byte) (s Short) {
	var bits uint64
	for _, x := range b {
		bits = bits<<8 | uint64(x)
	}
	for i := range s.Emoji {
		s.Emoji[i] = emojis[bits>>(42-6*i)&63]
	}
	for i := range s.Decimals {
		s.Decimals[i] = int(bits>>(35-13*i)&8191) + 1000
	}
	return s
}

// String writes the names, as a log shows them.
func (s Short) String() string {
	names := make([]string, len(s.Emoji))
	for i, e := range s.Emoji {
		names[i] = e.Name
	}
	return fmt.Sprintf("%s (%s)", strings.Join(names, ", "), s.Numbers())
}

// Pictures writes the emoji with their names.
func (s Short) Pictures() string {
	all := make([]string, len(s.Emoji))
	for i, e := range s.Emoji {
		all[i] = e.Picture + " " + e.Name
	}
	return strings.Join(all, ", ")
}

// Numbers writes the decimalName.
func (s Short) Numbers() string {
	return fmt.Sprintf("%d %d %d", s.Decimals[0], s.Decimals[1], s.Decimals[2])
}
