using System.Text.Json;
using System.Text.Json.Serialization;

namespace EdgeProxy.Slots;

/// <summary><c>"blue"</c> or <c>"green"</c>, also as the key of an object.</summary>
internal sealed class SlotNameConverter : JsonConverter<SlotName>
{
    public override SlotName Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName && SlotNameExtensions.TryParse(reader.GetString(), out var slot)
            ? slot
            : throw new JsonException("a slot is \"blue\" or \"green\"");

    public override void Write(Utf8JsonWriter writer, SlotName value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToKey());

    public override SlotName ReadAsPropertyName(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        Read(ref reader, typeToConvert, options);

    public override void WriteAsPropertyName(Utf8JsonWriter writer, SlotName value, JsonSerializerOptions options) =>
        writer.WritePropertyName(value.ToKey());
}
