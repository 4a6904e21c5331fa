using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace EdgeProxy.Json;

/// <summary><c>"00:00:01.250"</c>; days are written as hours.</summary>
internal sealed class DurationConverter : JsonConverter<TimeSpan>
{
    public override TimeSpan Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        var text = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
        var hours = text?.IndexOf(':', StringComparison.Ordinal) ?? -1;
        return hours > 0
            && int.TryParse(text.AsSpan(0, hours), NumberStyles.None, CultureInfo.InvariantCulture, out var whole)
            && TimeSpan.TryParse(string.Concat("00", text.AsSpan(hours)), CultureInfo.InvariantCulture, out var rest)
                ? TimeSpan.FromHours(whole) + rest
                : throw new JsonException("a duration is \"hh:mm:ss\" or \"hh:mm:ss.fff\"");
    }

    public override void Write(Utf8JsonWriter writer, TimeSpan value, JsonSerializerOptions options) =>
        writer.WriteStringValue(
            string.Create(CultureInfo.InvariantCulture, $"{(int)value.TotalHours:00}:{value.Minutes:00}:{value.Seconds:00}.{value.Milliseconds:000}"));
}

/// <summary>RFC 3339 in UTC with milliseconds: <c>"2026-01-31T23:59:59.123Z"</c>.</summary>
internal sealed class UtcTimeConverter : JsonConverter<DateTimeOffset>
{
    public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetDateTimeOffset();

    public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture));
}
