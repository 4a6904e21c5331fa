using System.Globalization;

namespace EdgeProxy.Configuration;

/// <summary>The single values of the settings: what each kind looks like.</summary>
internal static class SettingsLeaf
{
    /// <summary>Whether the binder would turn the text into the type as its writer meant it.</summary>
    public static bool CanConvert(string text, Type type)
    {
        if (Nullable.GetUnderlyingType(type) is { } underlying)
        {
            return text.Length == 0 || CanConvert(text, underlying);
        }

        if (type.IsEnum)
        {
            return Enum.GetNames(type).Contains(text, StringComparer.OrdinalIgnoreCase);
        }

        return Type.GetTypeCode(type) switch
        {
            TypeCode.String => true,
            TypeCode.Boolean => bool.TryParse(text, out _),
            TypeCode.Int32 => int.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out _),
            TypeCode.Int64 => long.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out _),
            TypeCode.Double => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number),
            _ when type == typeof(TimeSpan) => IsDuration(text),
            _ => throw new NotSupportedException($"settings have no values of type {type}"),
        };
    }

    /// <summary>What <see cref="CanConvert"/> accepts, in words.</summary>
    public static string Allowed(Type type)
    {
        var value = Nullable.GetUnderlyingType(type) ?? type;
        var words = value.IsEnum ? string.Join(", ", Enum.GetNames(value)) : Type.GetTypeCode(value) switch
        {
            TypeCode.String => "a text",
            TypeCode.Boolean => "true or false",
            TypeCode.Int32 or TypeCode.Int64 => "a whole number",
            TypeCode.Double => "a number",
            _ => "a duration: \"hh:mm:ss\", or \"d.hh:mm:ss\" for 24 hours and more",
        };
        return value == type ? words : $"{words}, or null";
    }

    /// <summary>A duration as it is written in the settings: <c>00:00:00.25</c>, <c>7.00:00:00</c>.</summary>
    public static string Written(TimeSpan duration)
    {
        var text = duration.ToString("c", CultureInfo.InvariantCulture);
        return duration.Ticks % TimeSpan.TicksPerSecond == 0 ? text : text.TrimEnd('0');
    }

    /// <remarks><see cref="TimeSpan.Parse(string)"/> reads "30" as 30 days and "24:00:00" as 24 days: days need their dot.</remarks>
    private static bool IsDuration(string text)
    {
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        return colon > 0
            && TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out var duration)
            && (duration.Days == 0 || text.AsSpan(0, colon).Contains('.'));
    }
}
