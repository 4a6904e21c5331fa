namespace EdgeProxy.AdminCalls;

/// <summary>A feature's say in <c>GET /readyz</c>, among the services of an app.</summary>
internal interface IAppReadiness
{
    /// <summary>Says why the app should get no requests now, as a sentence without its full stop; null: nothing speaks against it.</summary>
    string? WhyNotReady();
}
