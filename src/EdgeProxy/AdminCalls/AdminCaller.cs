namespace EdgeProxy.AdminCalls;

/// <summary>The caller, as the admin server found out.</summary>
/// <param name="MaySeeContent">Whether what the app wrote may be shown: probe bodies and the output of units and hooks may hold anything.</param>
internal sealed record AdminCaller(bool MaySeeContent)
{
    /// <summary>Has the token, or came over the socket.</summary>
    public static AdminCaller Trusted { get; } = new(MaySeeContent: true);

    /// <summary>Came over the port without the token.</summary>
    public static AdminCaller Reader { get; } = new(MaySeeContent: false);

    /// <summary>The caller of a request; one that was not looked at sees nothing.</summary>
    public static AdminCaller Of(HttpContext context) => context.Features.Get<AdminCaller>() ?? Reader;
}
