namespace EdgeProxy.Handover;

/// <summary>A setting that has changed.</summary>
/// <param name="Key">E.g. <c>EdgeProxy:Health:Path</c>.</param>
/// <param name="Old">Null: it was not set.</param>
/// <param name="New">Null: it is not set any more.</param>
internal sealed record SettingChange(string Key, string? Old, string? New)
{
    private const string Masked = "***";

    /// <summary>In the name of a key: its value is not shown. Receivers of messages have secrets in their URLs.</summary>
    private static readonly string[] _secrets = ["password", "secret", "token", "hmac", "key", "authorization", "header", "basicauth", "notify"];

    public static IReadOnlyList<SettingChange> Between(IConfiguration old, IConfiguration @new)
    {
        var before = Flat(old);
        var after = Flat(@new);
        return
        [
            .. before.Keys.Union(after.Keys, StringComparer.OrdinalIgnoreCase).Order(StringComparer.OrdinalIgnoreCase)
                .Where(key => before.GetValueOrDefault(key) != after.GetValueOrDefault(key))
                .Select(key => new SettingChange(key, Shown(key, before.GetValueOrDefault(key)), Shown(key, after.GetValueOrDefault(key)))),
        ];
    }

    private static Dictionary<string, string> Flat(IConfiguration configuration)
    {
        var flat = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var (key, value) in configuration.AsEnumerable())
        {
            if (value is not null)
            {
                flat[key] = value;
            }
        }

        return flat;
    }

    private static string? Shown(string key, string? value) =>
        value is not null && _secrets.Any(secret => key.Contains(secret, StringComparison.OrdinalIgnoreCase)) ? Masked : value;
}
