package pipeline

import (
	"reflect"
	"testing"
	"time"
)

// fill gives everything below a value something that is not nothing, and fails on what bytes would lose.
func fill(t *testing.T, v reflect.Value) {
	t.Helper()
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Date(2026, 8, 1, 10, 0, 0, 123, time.UTC)))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if !v.Type().Field(i).IsExported() {
				t.Fatalf("%s.%s would be lost", v.Type(), v.Type().Field(i).Name)
			}
			fill(t, v.Field(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(t, v.Index(0))
		fill(t, v.Index(1))
	case reflect.Array:
		fill(t, v.Index(v.Len()-1))
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(t, key)
		fill(t, value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString("äöü \x00")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(-7)
	case reflect.Uint8:
		v.SetUint(7)
	default:
		t.Fatalf("the test knows no %s", v.Type())
	}
}

func TestWhatAShardComesToIsTheSameBehindItsBytes(t *testing.T) {
	var h harvest
	fill(t, reflect.ValueOf(&h).Elem())
	text, err := h.bytes()
	if err != nil {
		t.Fatal(err)
	}
	read, err := readHarvest(text)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(&h, read) {
		t.Errorf("%+v\n%+v", h, *read)
	}
}
