package configs

import "reflect"

func fieldsOfTrunk() []string { return names(fields(reflect.TypeFor[Trunk]())) }
