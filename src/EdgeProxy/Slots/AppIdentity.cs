namespace EdgeProxy.Slots;

/// <summary>Which of the apps of this process something belongs to.</summary>
/// <param name="Name">For people, URLs, labels and paths: <c>[a-z0-9-]</c>, at most 32 characters.</param>
/// <param name="Index">Its place among them, from 0.</param>
/// <param name="SettingsPath">Where its settings stand, for messages: <c>EdgeProxy</c>, or <c>EdgeProxy:Apps:NAME</c>.</param>
internal sealed record AppIdentity(string Name, int Index, string SettingsPath)
{
    /// <summary>The app whose settings stand at the top level, without <c>EdgeProxy:Apps</c>.</summary>
    public static AppIdentity TopLevel { get; } = new("app", 0, "EdgeProxy");
}
